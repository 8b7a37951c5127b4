"""A start until the first login, and what clients cost that only hold a connection."""

import resource
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

from ..daemon import Daemon
from ..row import Row, at_most

OPTIONS = ("-n", "5")
PATIENT = (*OPTIONS, "--deadline", "600")  # with clients that say nothing
A_PROCESS_EACH = ("-n", "0")
SILENT = 10_000
OF_THE_ORIGINAL = 500  # connections, each of which costs it a process
BOUND = 8.0  # kB a connection
CLIENTS = 8
HALF_A_REQUEST = b"\x00\x0buser0000000\x00\x0bpass"
SETTLED = 1.0  # seconds after they have come
# Starts the daemon when it is told to, so that what is made ready for it is not counted.
GATE = ("sh", "-c", 'echo ready && read -r go && exec "$@"', "gate")


class Operation:
    def __init__(self, bench):
        self.bench = bench
        self.start = Row("start to the first OK", "saslauthd -n 5", "ms", at_most(0.5), at_most(0.3))
        measure = f"server CPU per login, with {SILENT:,} silent clients"
        self.cpu = Row(measure, "without", "µs", at_most(1.2), at_most(1.05))
        self.held = Row("memory per held connection", "the bound", "kB", at_most(1), at_most(0.5))
        self.held_by_both = Row("memory per held connection", "saslauthd -n 0", "kB")
        self.rows = {"start": self.start, "cpu": self.cpu, "held": self.held, "held by both": self.held_by_both}

    def run(self):
        make_room()
        for number in self.bench.rounds("a start"):
            self.measure_start(number)
        with self.bench.daemon(self.bench.ours, self.bench.plan.small, PATIENT) as daemon:
            self.bench.load.everyone(daemon, self.bench.plan.small)
            for number in self.bench.rounds("silent clients"):
                self.measure_cpu(daemon, number)
        for _ in self.bench.rounds("held connections"):
            ours = self.held_by(self.bench.ours, PATIENT, SILENT)
            self.held.add(ours, BOUND)
            self.held_by_both.add(ours, self.held_by(self.bench.original, A_PROCESS_EACH, OF_THE_ORIGINAL))

    # a start

    def measure_start(self, number):
        """Of users with the cheapest verifier: a hash costs what it costs, whatever starts."""
        subjects = [self.bench.ours, self.bench.original]
        took = {subject: self.first_ok(subject) for subject in self.bench.turned(subjects, number)}
        self.start.add(*(took[subject] for subject in subjects))

    def first_ok(self, subject):
        users = self.bench.plan.large
        with Started(subject, self.bench.database(subject, users), OPTIONS, self.bench.scratch, self.bench.load) as daemon:
            return daemon.took

    # silent clients

    def measure_cpu(self, daemon, number):
        def login(silent):
            with connections(daemon, silent, b""):
                return self.bench.load.window(daemon, self.bench.plan.small, CLIENTS, self.bench.plan.seconds).cpu

        seen = {silent: login(silent) for silent in self.bench.turned([0, SILENT], number)}
        self.cpu.add(seen[SILENT], seen[0])

    # held connections

    def held_by(self, subject, options, count):
        """Kilobytes of the daemon for each of so many clients, which have sent half a request."""
        with self.bench.daemon(subject, self.bench.plan.small, options) as daemon:
            before, _ = daemon.memory()
            with connections(daemon, count, HALF_A_REQUEST):
                after, _ = daemon.memory()
        return (after - before) / count


class Started(Daemon):
    """Takes its time, from its first instruction to the first OK of a client that has been waiting."""

    def __init__(self, subject, database, options, scratch, load):
        super().__init__(subject, database, options, scratch, GATE)
        self.load = load

    def start(self):
        pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with ExitStack() as stack:
            launcher = stack.enter_context(subprocess.Popen(self.command, preexec_fn=self.clock.enter, **pipe))
            client = stack.enter_context(subprocess.Popen(self.load.probe(self), stdout=subprocess.PIPE, text=True))
            launcher.stdout.readline()
            began = time.monotonic()
            print(file=launcher.stdin, flush=True)
            answer = client.stdout.readline()
            self.took = (time.monotonic() - began) * 1000
        if launcher.returncode or not answer:
            raise RuntimeError(f"{self.command}: no login after the start")


def make_room():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def connections(daemon, count, sent):
    """So many that have sent something, and wait."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(str(daemon.socket))
            connection.sendall(sent)
        if count:
            time.sleep(SETTLED)
        yield
