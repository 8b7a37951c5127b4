"""A saslauthd that runs: started detached, watched, and stopped by its own process ids."""

import os
import re
import select
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from . import cpu

PATIENCE = 5.0  # seconds to end, once told to


class Daemon:
    """A context: the daemon is up inside it, and gone behind it."""

    def __init__(self, subject, database, options, scratch, under=()):
        self.directory = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
        self.socket = self.directory / "mux"
        self.command = subject.command(database, self.directory, options, under)

    def __enter__(self):
        self.clock = cpu.clock(f"saslauthd-bench-{os.getpid()}-{self.directory.name}")
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """The launcher ends when the daemon serves."""
        said = self.directory / "said"
        with open(said, "wb") as output:
            launcher = subprocess.run(
                self.command, preexec_fn=self.clock.enter, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        if launcher.returncode:
            raise RuntimeError(f"{self.command} failed:\n{said.read_text(errors='replace')}")

    def stop(self):
        """Asks the master, then makes sure of everybody."""
        handles = [handle for pid in self.pids() if (handle := open_process(pid)) is not None]
        for number, wait in [(signal.SIGTERM, PATIENCE), (signal.SIGKILL, PATIENCE)]:
            targets = handles[:1] if number == signal.SIGTERM else handles
            for handle in targets:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, number)
            handles = still_there(handles, wait)
        self.clock.close()

    def pids(self):
        """The master, which its file names, and its descendants."""
        try:
            master = int((self.directory / "saslauthd.pid").read_text())
        except (FileNotFoundError, ValueError):
            return []
        pids, parents = [master], parents_of_all()
        for pid in pids:
            pids += [child for child, parent in parents.items() if parent == pid]
        return pids

    def cpu_seconds(self):
        return self.clock.seconds(self.pids())

    def memory(self):
        """Proportional set size in kB: all of it, and without the pages of mapped files."""
        rolls = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.pids()]
        sums = [sum(int(re.search(rf"^{name}: +(\d+)", roll, re.M)[1]) for roll in rolls)
                for name in ("Pss", "Pss_Anon", "Pss_Shmem")]
        return sums[0], sums[1] + sums[2]


def parents_of_all():
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return parents


def open_process(pid):
    """A handle which stays with this process, whoever gets its number later."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def still_there(handles, seconds):
    """Waits for processes to end. Closes the handles of those that do, and returns the others."""
    deadline = time.monotonic() + seconds
    while handles and (left := deadline - time.monotonic()) > 0:
        ended, _, _ = select.select(handles, [], [], left)
        for handle in ended:
            os.close(handle)
        handles = [handle for handle in handles if handle not in ended]
    return handles
