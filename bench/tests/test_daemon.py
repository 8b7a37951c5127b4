import os
import tempfile
import time
import unittest
from pathlib import Path

from harness import cpu
from harness.daemon import Daemon

# Detaches like saslauthd: a master that its pid file names, and a worker that uses half a second and ignores TERM.
MASTER = """
cd "$0"
sh -c 'trap "" TERM; exec python3 -c "
import time
while time.process_time() < 0.5: pass
time.sleep(60)"' &
echo $$ >saslauthd.pid
trap 'exit 0' TERM
wait
"""


class Pretender:
    def __init__(self, script=MASTER):
        self.script = script

    def command(self, database, directory, options, under):
        launcher = 'setsid sh -c "$1" "$0" </dev/null >/dev/null 2>&1 & while ! [ -s "$0/saslauthd.pid" ]; do :; done'
        return ["sh", "-c", launcher, directory, self.script]


class Fails:
    def command(self, database, directory, options, under):
        return ["sh", "-c", "echo no such database >&2; exit 3"]


class Daemons(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def test_a_daemon_is_all_its_processes_and_none_is_left(self):
        with Daemon(Pretender(), None, (), self.scratch) as daemon:
            pids = daemon.pids()
            self.assertEqual(len(pids), 2)
            time.sleep(2)
            self.assertAlmostEqual(daemon.cpu_seconds(), 0.5, delta=0.3)
            all_memory, own = daemon.memory()
            self.assertTrue(0 < own < all_memory)
        for pid in pids:
            self.assertFalse(runs(pid))
        self.assertFalse(Path(getattr(daemon.clock, "path", "/nonexistent")).exists())

    def test_a_failed_start_says_what_the_daemon_said(self):
        with self.assertRaisesRegex(RuntimeError, "no such database"):
            Daemon(Fails(), None, (), self.scratch).__enter__()


class Clocks(unittest.TestCase):
    def test_ticks_count_this_process_and_those_it_waited_for(self):
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
        self.assertAlmostEqual(cpu.Ticks().seconds([os.getpid()]), sum(os.times()[:4]), delta=0.05)


def runs(pid):
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
