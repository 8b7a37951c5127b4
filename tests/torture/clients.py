"""Clients that do what they should not, many at once, and of other users."""
import contextlib
import json
import os
import signal
import socket
import threading
import time

import world
from daemon import OK, request

REALM = "example.org"
TIM = {"login": "tim", "realm": REALM}
GOOD = request("tim", world.PASSWORD, "imap", REALM)
PATIENCE = 5  # seconds until a crowd is taken or refused


class Crowd:
    """A context: so many connections, each of which has sent `sent` and waits. Those that were refused are counted."""

    def __init__(self, daemon, count, sent=b"", patience=PATIENCE):
        self.path, self.count, self.sent, self.patience = str(daemon.run / "mux"), count, sent, patience
        self.connections, self.refused = [], 0

    def __enter__(self):
        end = time.monotonic() + self.patience
        for _ in range(self.count):
            connection = socket.socket(socket.AF_UNIX)
            connection.setblocking(False)
            if self.connects(connection, end):
                self.connections.append(connection)
            else:
                connection.close()
                self.refused += 1
        return self

    def connects(self, connection, end):
        while True:
            try:
                connection.connect(self.path)
                connection.send(self.sent)
                return True
            except BlockingIOError:
                if time.monotonic() > end:
                    return False
                time.sleep(.005)
            except OSError:
                return False

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()

    def answers(self):
        """What each of them gets until it is closed."""
        for connection in self.connections:
            connection.settimeout(PATIENCE)
        return [rest(connection) for connection in self.connections]


class Load:
    """A context: so many clients that log in as tim all the time, and count what was not an OK."""

    def __init__(self, daemon, clients=4, patience=5):
        self.daemon, self.patience = daemon, patience
        self.count, self.lost, self.over = 0, [], False
        self.threads = [threading.Thread(target=self.log_in) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join()

    def log_in(self):
        while not self.over:
            answer, _ = self.daemon.ask(**TIM, patience=self.patience)
            self.count += 1
            if answer[:2] != OK:
                self.lost.append(answer)
            if answer in ("ConnectionRefusedError", "FileNotFoundError"):
                time.sleep(.01)  # nobody is there any more


def logins(daemon, times, patience=PATIENCE, **who):
    """How many were let in, and the longest time, in milliseconds."""
    answers = [daemon.ask(**(who or TIM), patience=patience) for _ in range(times)]
    return sum(answer[:2] == OK for answer, _ in answers), max(took for _, took in answers) * 1000


def calmest(act, enough, tries=3):
    """Logins, once more where they took long: the machine has others too. All of them have to be let in each time."""
    seen = []
    while not seen or (len(seen) < tries and seen[-1][1] > enough):
        seen.append(act())
    return min(good for good, _ in seen), min(slowest for _, slowest in seen)


def at_once(times, act):
    """What so many threads get, all of which begin at the same moment."""
    ready, got = threading.Barrier(times), [None] * times

    def begin(number):
        ready.wait()
        got[number] = act()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def said(daemon, sent, patience=PATIENCE):
    """What comes back for these bytes and their end: nothing, where it only closes; None, where it does neither."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(patience)
        try:
            s.connect(str(daemon.run / "mux"))
            s.sendall(sent)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has seen enough
        return rest(s)


def rest(s):
    got = b""
    try:
        while part := s.recv(4096):
            got += part
    except TimeoutError:
        return None
    except OSError:
        pass
    return got


class Apart:
    """A context: a process of another user that does `act` and says what came of it, which is to be JSON."""

    def __init__(self, there, uid, act):
        self.there, self.uid, self.act = there, uid, act

    def __enter__(self):
        here, self.pipe = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.do(self.pipe)
        os.close(self.pipe)
        self.there.started.add(self.pid)
        self.pipe = here
        return self

    def do(self, pipe):
        """Nothing that the others hold open may live as long as this."""
        try:
            os.closerange(3, pipe)
            os.closerange(pipe + 1, os.sysconf("SC_OPEN_MAX"))
            os.setgroups([])
            os.setgid(self.uid)
            os.setuid(self.uid)
            os.write(pipe, json.dumps(self.act()).encode())
        finally:
            os._exit(0)

    def result(self):
        with os.fdopen(self.pipe) as pipe:
            self.pipe = None
            return json.loads(pipe.read())

    def __exit__(self, *_):
        if self.pipe is not None:
            os.close(self.pipe)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
