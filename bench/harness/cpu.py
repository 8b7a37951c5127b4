"""The processor time of a daemon, all its processes together, those that have ended included.

Control groups count in nanoseconds or microseconds; where none can be made, /proc counts in ticks of 10 ms."""

import os
import time
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


class Group:
    """A control group of its own for one daemon."""

    def __init__(self, path, counter, unit):
        path.mkdir()
        self.path, self.unit = path, unit
        self.name = f"{counter} of a control group for each daemon"
        try:
            self.counter = path / counter
            self.seconds(())
        except OSError:
            path.rmdir()
            raise

    def enter(self):
        """Called in the process that is to be counted."""
        (self.path / "cgroup.procs").write_text("0")

    def seconds(self, _pids):
        """Reads a bare number, or the first line of `name number` pairs."""
        return int(self.counter.read_text().split("\n")[0].split()[-1]) * self.unit

    def close(self):
        for _ in range(100):
            try:
                return self.path.rmdir()
            except OSError:  # the last process is on its way out
                time.sleep(0.02)
        self.path.rmdir()


class Ticks:
    """What /proc says of the processes that are there, and of the children they have waited for."""

    name = "ticks of 10 ms in /proc"

    def enter(self):
        pass

    def seconds(self, pids):
        return sum(map(self.of, pids)) * TICK

    def of(self, pid):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))  # utime stime cutime cstime

    def close(self):
        pass


def clock(name):
    """The finest clock there is on this machine."""
    for kind, option, counter, unit in [
        ("cgroup", "cpuacct", "cpuacct.usage", 1e-9),
        ("cgroup2", "rw", "cpu.stat", 1e-6),
    ]:
        for place in mounted(kind, option):
            try:
                return Group(place / name, counter, unit)
            except OSError:
                continue
    return Ticks()


def mounted(kind, option):
    """Where file systems of that kind with that option are mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, its_kind, options, *_ = line.split()
        if its_kind == kind and option in options.split(","):
            yield Path(place)
