"""What the daemon adds to crypt(3), and what becomes of some logins while others keep it busy.

Against "alone" the same program is on both sides: with the others, and without."""

import subprocess
from contextlib import contextmanager, nullcontext

from ..daemon import Daemon
from ..host import SHA512, YESCRYPT, Host
from ..programs import build_peer
from ..row import Row, at_least, at_most
from ..users import everyone

USERS = 10
CROWDS = (8, 64)
CHECKS = 8
AT_A_TIME = 10  # logins, then as many bare hashes, and so on
SHADOW = ("-a", "shadow")
PAM = ("-a", "pam")
REMEMBERING = ("-a", "shadow", "-c")
LONGER = 5  # windows that the original gets: it may serve one login in many seconds


class Backends:
    """Rows by what they show, of whom, and how many others there are."""

    def __init__(self, bench):
        self.bench = bench
        self.rows = {
            ("cpu", "ours"): Row("server CPU per login by shadow, SHA-512", "crypt(3)", "µs", *[at_most(1.04)] * 2),
            ("cpu", "theirs"): Row("the same of the original", "crypt(3)", "µs"),
        }
        for crowd in CROWDS:
            measure = f"good logins per second by pam, while {crowd} clients send wrong passwords"
            self.rows["rate", "ours", crowd] = Row(measure, "alone", "/s", at_least(0.5), at_least(0.8))
            self.rows["rate", "theirs", crowd] = Row("the same of the original", "alone", "/s")
        measure = f"99th percentile of remembered logins, while {CHECKS} yescrypt checks run"
        self.rows["p99", "ours"] = Row(measure, "alone", "µs", at_most(20), at_most(5))
        self.rows["p99", "theirs"] = Row("the same of the original", "alone", "µs")
        self.programs = {"ours": bench.ours.saslauthd, "theirs": bench.original.saslauthd}

    def run(self):
        self.program = build_peer("crypt", self.bench.scratch)
        for number in self.bench.rounds("back ends: CPU"):
            self.compare_with_crypt(number)
        for number in self.bench.rounds("back ends: good logins beside wrong ones"):
            self.beside_wrong_ones("ours", number, self.bench.plan.seconds)
        for number in self.bench.rounds("back ends: good logins beside wrong ones, the original", 1):
            self.beside_wrong_ones("theirs", number, self.bench.plan.seconds * LONGER)
        for number in self.bench.rounds("back ends: remembered logins"):
            for who in self.programs:
                self.beside_checks(who, number)

    # CPU

    def compare_with_crypt(self, number):
        """By turns, few at a time: how fast the processor is changes from one second to the next."""
        for who in self.bench.turned(self.programs, number):
            with self.daemon(who, SHA512, SHADOW) as daemon, self.crypt() as crypt:
                self.bench.load.everyone(daemon, USERS)
                turns = [(self.bench.load.cpu_one_by_one(daemon, USERS, AT_A_TIME), crypt(AT_A_TIME))
                         for _ in range(self.bench.plan.hashed // AT_A_TIME)]
            self.rows["cpu", who].add(*(sum(side) / len(turns) for side in zip(*turns)))

    @contextmanager
    def crypt(self):
        """Gives what makes so many hashes in a process of its own, and says how many µs of processor time one took."""
        (_, password), = everyone(1)
        hashed = (self.host("ours", SHA512).database(self.bench.scratch) / "hash").read_text()
        command = [self.program, password, hashed]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

            def hashes(times):
                print(times, file=process.stdin, flush=True)
                return int(process.stdout.readline()) / times / 1000

            yield hashes

    # others

    def beside_wrong_ones(self, who, number, seconds):
        seen = {crowd: self.rate(who, crowd, seconds) for crowd in self.bench.turned([0, *CROWDS], number)}
        for crowd in CROWDS:
            self.rows["rate", who, crowd].add(seen[crowd], seen[0])

    def rate(self, who, crowd, seconds):
        """Of one client, whose service lets everybody in; `crowd` others ask the shadow file by another one."""
        with self.daemon(who, SHA512, PAM) as daemon, self.wrong(daemon, crowd, "--service", "unix"):
            options = ["--service", "permit", "--clients", "1", "--seconds", str(seconds)]
            return self.bench.load.seen(daemon, 1, *options)["per_second"]

    def beside_checks(self, who, number):
        seen = {checks: self.p99(who, checks) for checks in self.bench.turned([0, CHECKS], number)}
        self.rows["p99", who].add(seen[CHECKS], seen[0])

    def p99(self, who, checks):
        """Of one client, all of whose passwords are remembered."""
        with self.daemon(who, YESCRYPT, REMEMBERING) as daemon:
            self.bench.load.everyone(daemon, USERS)
            with self.wrong(daemon, checks):
                options = ["--clients", "1", "--seconds", str(self.bench.plan.seconds)]
                return self.bench.load.run(daemon, USERS, *options)["p99_us"]

    def wrong(self, daemon, clients, *options):
        return self.bench.load.wrong(daemon, USERS, clients, *options) if clients else nullcontext()

    def daemon(self, who, kind, options):
        """Wrong passwords come in masses, and ours would slow them down."""
        host = self.host(who, kind)
        subject = {"ours": self.bench.ours, "theirs": self.bench.original}[who]
        options = [*options, *subject.unthrottled]
        return Daemon(host, host.database(self.bench.scratch), options, self.bench.scratch)

    def host(self, who, kind):
        return Host(self.programs[who], USERS, kind)
