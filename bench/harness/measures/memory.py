"""Memory after load: the proportional set size of a daemon that is alone, after every user has logged in once."""

import time

from ..row import Row, at_most

OPTIONS = ("-n", "5")
AGAINST = "saslauthd -n 5"
SETTLED = 2.0  # seconds after the load


class Memory:
    def __init__(self, bench):
        self.bench = bench
        self.rows = {}
        for users, must, aim in [(bench.plan.small, 1.5, 1.0), (bench.plan.huge, 3.0, 1.0)]:
            measure = f"memory (PSS) after load, {users:,} users"
            self.rows[users, "all"] = Row(measure, AGAINST, "kB", at_most(must), at_most(aim))
            self.rows[users, "own"] = Row(f"the same without mapped files, {users:,} users", AGAINST, "kB")

    def run(self):
        """Few users in every round; very many once, since that takes minutes and hardly varies."""
        few, many = self.bench.plan.small, self.bench.plan.huge
        for number in self.bench.rounds(f"memory, {few:,} users"):
            self.measure(few, number)
        for number in self.bench.rounds(f"memory, {many:,} users", 1):
            self.measure(many, number)

    def measure(self, users, number):
        ours, original = self.bench.ours, self.bench.original
        seen = {subject: self.after_load(subject, users) for subject in self.bench.turned([ours, original], number)}
        for kind, figure in (("all", 0), ("own", 1)):
            self.rows[users, kind].add(seen[ours][figure], seen[original][figure])

    def after_load(self, subject, users):
        with self.bench.daemon(subject, users, OPTIONS) as daemon:
            self.bench.load.everyone(daemon, users)
            time.sleep(SETTLED)
            return daemon.memory()
