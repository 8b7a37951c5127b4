"""Our serving process alone, under a tool that watches it: we are its main process. (A tool would not get past the start of one process by
another.)"""

import signal
import socket
import subprocess
import tempfile
from pathlib import Path

WORD = 6  # bytes of what one process says to the other
CONFIGURED, SERVING = b"c", b"s"
LISTEN = b"l\0\0\0\0\0"
PATIENCE = 120.0  # seconds: under some tools everything takes its time


class Serving:
    """A context: it serves inside it, and has ended behind it."""

    def __init__(self, subject, database, options, scratch, under=()):
        self.directory = Path(tempfile.mkdtemp(prefix="serving-", dir=scratch))
        self.socket = self.directory / "mux"
        # What watches has files of its own to write.
        self.command = subject.serving(database, self.directory, ["--no-sandbox", *options], under)

    def __enter__(self):
        self.line, theirs = socket.socketpair()
        self.line.settimeout(PATIENCE)
        with theirs:
            self.process = subprocess.Popen(self.command, stdin=theirs, stdout=subprocess.DEVNULL)
        try:
            self.hear(CONFIGURED)
            with self.listen("mux") as clients, self.listen("control") as control:
                socket.send_fds(self.line, [LISTEN], [clients.fileno(), control.fileno()])
            self.hear(SERVING)
        except BaseException:
            self.process.kill()
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.line.close()

    def hear(self, wanted):
        """Passes over what is said once a second."""
        while (said := self.line.recv(WORD, socket.MSG_WAITALL)[:1]) != wanted:
            if not said:
                raise RuntimeError(f"{self.command} ended")

    def listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.directory / name))
        listener.listen(128)
        return listener
