"""A mail server that takes everything: ADDRESS PORT FILE."""

import socketserver
import sys


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 sink ESMTP")
        envelope = []
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 go on")
                self.keep(envelope, self.message())
                envelope = []
                self.say("250 ok")
            elif verb == b"QUIT":
                return self.say("221 bye")
            elif verb == b"EHLO":
                self.say("250-sink\r\n250 8BITMIME")
            else:
                envelope += [line] if verb in (b"MAIL", b"RCPT") else []
                self.say("250 ok")

    def message(self):
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line)
        return lines

    def keep(self, *parts):
        with open(sys.argv[3], "ab") as file:
            file.write(b"".join(line.replace(b"\r\n", b"\n") for part in parts for line in part) + b"---\n")

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Sink((sys.argv[1], int(sys.argv[2])), Session) as sink:
    sink.serve_forever()
