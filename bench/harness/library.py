"""The programs that time a library: `mechs` is ours, those of the others are in peers/."""

import subprocess
from pathlib import Path

from . import callgrind
from .programs import build_peer

IN_C = ("libsasl2", "gsasl")


def libraries(tools, scratch):
    """By name."""
    paths = {"ours": tools / "mechs", "rsasl": tools / "rsasl"} | {name: build_peer(name, scratch) for name in IN_C}
    return {name: Library(path, scratch) for name, path in paths.items()}


class Library:
    def __init__(self, path, scratch):
        self.path = path
        self.profile = Path(scratch) / f"{path.name}.callgrind"

    def time(self, mechanism, part, count):
        """Nanoseconds that a part of an exchange takes, the median of so many."""
        return int(self.run([], mechanism, part, count))

    def count(self, mechanism, part, count):
        """Instructions of that part of so many exchanges, all together."""
        where = ["--collect-atstart=no", "--toggle-collect=*stopwatch::counted*"]  # those in C say it themselves
        self.run([*callgrind.COMMAND, *where, f"--callgrind-out-file={self.profile}"], mechanism, part, count)
        return callgrind.total(self.profile)

    def run(self, under, mechanism, part, count):
        command = [*under, self.path, mechanism, part, str(count)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
