"""What all measures share: the plan, the subjects and their databases, the load, the rounds."""

import os
import sys
from functools import cache, cached_property
from statistics import median

from . import cpu
from .daemon import Daemon
from .library import libraries
from .load import Load


class Bench:
    def __init__(self, plan, scratch, tools, ours, original):
        self.plan = plan
        self.scratch = scratch
        self.tools = tools
        self.ours = ours
        self.original = original
        self.load = Load(tools / "saslbench")
        self.load_averages = []
        self.database = cache(self.make_database)

    def make_database(self, subject, users):
        tell(f"a database of {users:,} users, {type(subject).__name__.lower()}")
        return subject.database(self.scratch, users)

    @cached_property
    def libraries(self):
        """The programs that time one each."""
        return libraries(self.tools, self.scratch)

    def daemon(self, subject, users, options, under=()):
        return Daemon(subject, self.database(subject, users), options, self.scratch, under)

    def watched(self, subject, users, options, under):
        """Under a tool: of ours, the process alone that serves."""
        return subject.watched(self.database(subject, users), options, self.scratch, under)

    def rounds(self, what, count=None):
        """The numbers of the rounds. Tells where we are, and notes how busy the machine is."""
        count = count or self.plan.rounds
        for number in range(count):
            tell(f"{what}, round {number + 1} of {count}")
            self.load_averages.append(os.getloadavg()[0])
            yield number

    @staticmethod
    def turned(subjects, number):
        """In the other order in every second round, so that no one always comes first."""
        subjects = list(subjects)
        return subjects[::-1] if number % 2 else subjects

    @staticmethod
    def clock():
        """What processor time is read from."""
        clock = cpu.clock(f"saslauthd-bench-{os.getpid()}-name")
        clock.close()
        return clock.name

    def busy(self):
        return f"{median(self.load_averages):.1f} [{min(self.load_averages):.1f}–{max(self.load_averages):.1f}]"


def tell(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
