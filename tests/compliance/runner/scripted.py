"""A server that plays the same script for every client.

Steps: "RECV" (one request), {"hex"}, {"text"}, {"sleep"}, "CLOSE"; after the last one it reads until the client closes.
A request is a line, or a head and a body of HTTP, on TCP, and the four counted fields of saslauthd on a unix socket.
"""
import contextlib
import os
import re
import socket
import threading
import time

SILENCE_LIMIT = 4  # seconds without a byte from the client
SETTLE = .2        # seconds for a client that has just connected to be noticed


class Server(threading.Thread):
    def __init__(self, listener, script, is_whole):
        super().__init__(daemon=True)
        self.listener, self.script, self.is_whole = listener, script, is_whole
        self.got, self.busy = [], 0
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            self.busy += 1
            with client:
                client.settimeout(SILENCE_LIMIT)
                data = bytearray()
                with contextlib.suppress(OSError):
                    self.serve(client, data)
            self.got.append(bytes(data))
            self.busy -= 1

    def serve(self, client, data):
        for step in self.script:
            if step == "CLOSE" or step == "RECV" and not self.receive(client, data):
                return
            if "sleep" in step:
                time.sleep(step["sleep"])
            elif "hex" in step:
                client.sendall(bytes.fromhex(step["hex"]))
            elif "text" in step:
                client.sendall(step["text"].encode("latin1"))
        while part := client.recv(65536):
            data += part

    def receive(self, client, data):
        """Reads one request into `data`; gives False if the client closed before its end."""
        while not self.is_whole(data):
            part = client.recv(65536)
            if not part:
                return False
            data += part
        return True

    def received(self):
        """What each client sent, once they have all left."""
        time.sleep(SETTLE)
        end = time.monotonic() + SILENCE_LIMIT + 1
        while self.busy and time.monotonic() < end:
            time.sleep(.05)
        return self.got


def on_tcp(script, is_whole):
    """The server, and its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=8)
    return Server(listener, script, is_whole), listener.getsockname()[1]


def on_unix(script, path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    os.chmod(path, 0o777)
    listener.listen(8)
    return Server(listener, script, is_whole_request)


def is_whole_line(data):
    return data.endswith(b"\n")


def is_whole_form(data):
    head, end, body = bytes(data).partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    return bool(end) and len(body) >= int(length[1] if length else 0)


def is_whole_request(data):
    at = 0
    for _ in range(4):
        if len(data) < at + 2:
            return False
        at += 2 + int.from_bytes(data[at:at + 2], "big")
    return len(data) >= at
