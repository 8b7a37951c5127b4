"""Load on a daemon, by `saslbench`."""

import json
import subprocess
import time
from dataclasses import dataclass

from .users import REALM

LONGEST = 600  # seconds that any load may take


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

    def window(self, daemon, users, clients, seconds):
        """Blocking clients, users at random."""
        before = daemon.cpu_seconds()
        seed = str(time.monotonic_ns())
        seen = self.run(daemon, users, "--clients", str(clients), "--seconds", str(seconds), "--seed", seed)
        used = daemon.cpu_seconds() - before
        return Window(used / seen["granted"] * 1e6, seen["per_second"], seen["p99_us"])

    def run(self, daemon, users, *options):
        command = [self.saslbench, "saslauthd", "--socket", daemon.socket]
        command += ["--users", str(users), "--realm", REALM, *options]
        output = subprocess.run(command, check=True, timeout=LONGEST, stdout=subprocess.PIPE).stdout
        seen = json.loads(output)
        if seen["refused"] or seen["broken"] or not seen["granted"]:
            raise RuntimeError(f"not every login went well: {seen} from {daemon.command}")
        return seen
