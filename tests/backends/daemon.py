"""A saslauthd, ours or the original's: started, asked, looked at, stopped."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

import tally
import world

PATIENCE = 25  # seconds for an answer
SETTLING = 5   # seconds until what has failed is cleaned up
OK, NO = "OK", "NO"


class Daemon:
    """A context. `name` is that of its run directory, and is there once. `under` is a command that runs it."""

    def __init__(self, there, name, *arguments, program=None, under=()):
        self.there, self.name = there, name
        self.run = there.folder(name)
        self.log_path = there.root / f"{name}.log"
        self.command = [*under, program or there.ours, *arguments, "-m", self.run, "-d"]

    def __enter__(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
        self.there.started.add(self.process.pid)
        if not within(20, lambda: (self.run / "mux").exists() or self.process.poll() is not None):
            raise RuntimeError(f"{self.name}: no socket")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(SETTLING)
        except subprocess.TimeoutExpired:
            # The original's processes sleep their delays out.
            tally.holds(f"{self.name}: it ends when told", self.name.startswith("original-"))
            self.process.kill()
            self.process.wait()
        if self.name.startswith("original-"):
            with contextlib.suppress(ProcessLookupError):  # its master is gone, and the others may not know
                os.killpg(self.process.pid, signal.SIGKILL)

    def ask(self, login, password=world.PASSWORD, service="imap", realm="", client=None, patience=PATIENCE):
        """The answer, or how else it ended, and how long it took."""
        begin = time.monotonic()
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(patience)
                s.connect(str(self.run / "mux"))
                s.sendall(request(login, password, service, realm, *([] if client is None else [client])))
                said = b""
                while part := s.recv(4096):
                    said += part
            answer = said[2:].decode("latin1")
        except OSError as error:
            answer = type(error).__name__
        return answer, time.monotonic() - begin

    def verdict(self, *arguments, **more):
        return self.ask(*arguments, **more)[0][:2]

    def log(self):
        return self.log_path.read_text("latin1")

    def helpers(self):
        """Its processes; those that have ended and were not waited for are there too."""
        return world.children(self.process.pid)

    def zombies(self):
        return [pid for pid in self.helpers() if state(pid) == "Z"]


def request(*fields):
    return b"".join(len(field).to_bytes(2, "big") + field for field in map(os.fsencode, fields))


def state(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def within(seconds, is_so):
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(.02)
    return True


class Server:
    """A server of others', which is killed and may come back."""

    def __init__(self, there, command, port):
        self.there, self.command, self.port, self.process = there, command, port, None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.there.started.add(self.process.pid)
        if not within(20, self.listens):
            raise RuntimeError(f"{self.command[0]} does not listen")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def listens(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True

    def kill(self):
        self.process.kill()
        self.process.wait()
