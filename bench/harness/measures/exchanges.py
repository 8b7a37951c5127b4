"""Whole exchanges by Dovecot's authentication protocol, on one connection: ours, and Dovecot's own service."""

import time
from contextlib import ExitStack

from ..dovecot import Dovecot
from ..row import Row, at_least

WINDOWS = {32: (4, 8), 1: (1.5, 2.5)}  # exchanges under way: the must and the aim


class Exchanges:
    def __init__(self, bench):
        self.bench = bench
        self.rows = {
            window: Row(f"exchanges by PLAIN a second, {window} at once", "Dovecot", "/s", at_least(must), at_least(aim))
            for window, (must, aim) in WINDOWS.items()
        }

    def run(self):
        """Both stay up through all rounds."""
        users, socket = self.bench.plan.small, self.bench.scratch / "auth"
        with ExitStack() as stack:
            stack.enter_context(self.bench.daemon(self.bench.ours, users, ("--listen", f"dovecot:{socket}")))
            dovecot = stack.enter_context(Dovecot(users))
            sockets = {"ours": socket, "theirs": dovecot.socket}
            while not dovecot.socket.exists():
                time.sleep(0.01)
            for number in self.bench.rounds("exchanges"):
                for window, row in self.rows.items():
                    seen = {who: self.rate(sockets[who], window) for who in self.bench.turned(sockets, number)}
                    row.add(seen["ours"], seen["theirs"])

    def rate(self, socket, window):
        return self.bench.load.exchanges(socket, self.bench.plan.small, window, self.bench.plan.seconds)
