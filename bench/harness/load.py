"""Load on a daemon, by `saslbench`."""

import json
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass

from .users import REALM

LONGEST = 600  # seconds that any load may take
STARTING = 0.5  # seconds until all clients of a load are there


@dataclass(frozen=True)
class Window:
    """What a window of load showed."""

    cpu: float  # the daemon's µs a login
    rate: float  # logins a second
    p99: float  # µs


class Load:
    def __init__(self, saslbench):
        self.saslbench = saslbench

    def everyone(self, daemon, users):
        """Every user logs in once."""
        self.run(daemon, users, "--each", "--io", "epoll", "--clients", "8")

    def one_by_one(self, daemon, users, logins):
        """So many users at random, each after the other: the same ones every time."""
        self.run(daemon, users, "--logins", str(logins), "--clients", "1")

    def cpu_one_by_one(self, daemon, users, logins):
        """The daemon's µs a login of so many, each after the other."""
        before = daemon.cpu_seconds()
        self.one_by_one(daemon, users, logins)
        return (daemon.cpu_seconds() - before) / logins * 1e6

    def window(self, daemon, users, clients, seconds):
        """Blocking clients, users at random."""
        before = daemon.cpu_seconds()
        seed = str(time.monotonic_ns())
        seen = self.run(daemon, users, "--clients", str(clients), "--seconds", str(seconds), "--seed", seed)
        used = daemon.cpu_seconds() - before
        return Window(used / seen["granted"] * 1e6, seen["per_second"], seen["p99_us"])

    def exchanges(self, socket, users, window, seconds):
        """So many a second by PLAIN on one connection, `window` of them under way at any time."""
        target = ["--socket", socket, "--users", str(users), "--realm", REALM]
        command = [self.saslbench, "exchanges", *target, "--window", str(window), "--seconds", str(seconds)]
        seen = json.loads(subprocess.run(command, check=True, timeout=LONGEST, stdout=subprocess.PIPE).stdout)
        if seen["refused"] or not seen["granted"]:
            raise RuntimeError(f"not every exchange went well: {seen} at {socket}")
        return seen["per_second"]

    def run(self, daemon, users, *options):
        seen = self.seen(daemon, users, *options)
        if seen["refused"] or seen["broken"] or not seen["granted"]:
            raise RuntimeError(f"not every login went well: {seen} from {daemon.command}")
        return seen

    def seen(self, daemon, users, *options):
        """What came of a load that need not go well."""
        command = self.command(daemon, users, *options)
        return json.loads(subprocess.run(command, check=True, timeout=LONGEST, stdout=subprocess.PIPE).stdout)

    @contextmanager
    def wrong(self, daemon, users, clients, *options):
        """So many clients with wrong passwords, for as long as the block runs."""
        options = ["--passwords", "wrong", "--clients", str(clients), "--seconds", str(LONGEST), *options]
        with subprocess.Popen(self.command(daemon, users, *options), stdout=subprocess.DEVNULL) as clients:
            try:
                time.sleep(STARTING)
                yield
            finally:
                clients.kill()

    def probe(self, daemon):
        """The command of a client that logs in as soon as it can."""
        return [self.saslbench, "probe", "--socket", daemon.socket, "--realm", REALM]

    def command(self, daemon, users, *options):
        target = ["--socket", daemon.socket, "--users", str(users), "--realm", REALM]
        return [self.saslbench, "saslauthd", *target, *options]
