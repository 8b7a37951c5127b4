"""User-space instructions per login, counted by callgrind: two runs of different length, subtracted."""

import tempfile
from pathlib import Path

from .. import callgrind
from ..row import Row, at_most

OPTIONS = ("-n", "1")
USERS = 100  # of the large database, each of whom logs in once first


class Instructions:
    def __init__(self, bench):
        self.bench = bench
        measure = "user-space instructions per login, by callgrind"
        self.row = Row(measure, "saslauthd -n 1", "", at_most(0.15), at_most(0.05))
        self.rows = {"instructions": self.row}

    def run(self):
        """Once: there is no noise in it."""
        for _ in self.bench.rounds("instructions", 1):
            self.row.add(self.per_login(self.bench.ours), self.per_login(self.bench.original))

    def per_login(self, subject):
        few, many = self.bench.plan.counted
        return (self.count(subject, many) - self.count(subject, few)) / (many - few)

    def count(self, subject, logins):
        """All instructions of all processes in a daemon's life, its launcher's too, with so many logins in it."""
        out = Path(tempfile.mkdtemp(prefix="callgrind-", dir=self.bench.scratch))
        out.chmod(0o777)  # a process may be another user's by the time it leaves its profile
        under = [*callgrind.COMMAND, "--trace-children=yes", f"--callgrind-out-file={out}/%p"]
        with self.bench.watched(subject, self.bench.plan.large, OPTIONS, under) as daemon:
            self.bench.load.everyone(daemon, USERS)
            self.bench.load.one_by_one(daemon, USERS, logins)
        profiles = list(out.iterdir())
        if not profiles:
            raise RuntimeError("callgrind left no profile")
        return sum(map(callgrind.total, profiles))
