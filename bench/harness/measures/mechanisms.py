"""Mechanisms in one process, client and server, ours and three other libraries: medians of many exchanges, and how many
instructions one takes."""

from dataclasses import dataclass

from ..row import Row, at_most

FAST = {"rsasl": (1.25, 1.0), "libsasl2": (0.1, 0.05), "gsasl": None}
SLOW_TO_GUESS = {"rsasl": (0.75, 0.70), "libsasl2": None, "gsasl": None}
STORED = {"rsasl": (1.0, 1.0), "libsasl2": None, "gsasl": None}


@dataclass(frozen=True)
class Figure:
    mechanism: str
    part: str
    peers: dict[str, tuple[float, float] | None]  # must and aim of each

    @property
    def measure(self):
        parts = {"full": "client and server", "client": "the client's part", "server": "the server's part"}
        return f"{self.mechanism}, {parts[self.part]}"

    @property
    def is_slow(self):
        """Whether it takes milliseconds, most of them in 4096 rounds of PBKDF2."""
        return self.mechanism.startswith("SCRAM-")

    @property
    def counted(self):
        """The peers whose instructions are counted, and what is asked. Valgrind has no SHA extensions, which some libraries use and
        some do not: then they say little, and only for the two that have the same code without them. Of libsasl2 most of the time
        is the system's."""
        if self.is_slow:
            return {"rsasl": None}
        return self.peers | {peer: None for peer in self.peers if peer == "libsasl2"}


def without_gsasl(peers):
    return {peer: bounds for peer, bounds in peers.items() if peer != "gsasl"}


FIGURES = [
    Figure("PLAIN", "full", FAST | {"gsasl": (0.5, 0.25)}),
    Figure("LOGIN", "full", FAST),
    Figure("CRAM-MD5", "server", {"gsasl": (0.5, 0.25), "libsasl2": (0.2, 0.1)}),
    Figure("DIGEST-MD5", "server", {"gsasl": (0.9, 0.5), "libsasl2": (0.2, 0.1)}),
    Figure("SCRAM-SHA-1", "client", SLOW_TO_GUESS),
    Figure("SCRAM-SHA-1", "server", STORED),
    Figure("SCRAM-SHA-256", "client", SLOW_TO_GUESS),
    Figure("SCRAM-SHA-256", "server", STORED),
    Figure("SCRAM-SHA-512", "client", without_gsasl(SLOW_TO_GUESS)),
    Figure("SCRAM-SHA-512", "server", without_gsasl(STORED)),
]


class Mechanisms:
    def __init__(self, bench):
        self.bench = bench
        self.rows = {}
        for figure in FIGURES:
            for peer, bounds in figure.peers.items():
                self.rows[figure.measure, peer, "time"] = row(figure.measure, peer, "ns", bounds)
        for figure in FIGURES:
            for peer, bounds in figure.counted.items():
                self.rows[figure.measure, peer, "count"] = row(f"{figure.measure}, instructions", peer, "", bounds)

    def run(self):
        for number in self.bench.rounds("mechanisms"):
            for figure in FIGURES:
                self.measure(figure, "time", number)
        for number in self.bench.rounds("mechanisms, instructions", 1):
            for figure in FIGURES:
                self.measure(figure, "count", number)

    def measure(self, figure, kind, number):
        see, peers = {"time": (self.time, figure.peers), "count": (self.count, figure.counted)}[kind]
        programs = {name: self.bench.libraries[name] for name in ["ours", *peers]}
        seen = {name: see(program, figure) for name, program in self.bench.turned(programs.items(), number)}
        for peer in peers:
            self.rows[figure.measure, peer, kind].add(seen["ours"], seen[peer])

    def time(self, program, figure):
        return program.time(figure.mechanism, figure.part, self.often(figure, self.bench.plan.exchanges))

    def count(self, program, figure):
        """What a short run and a long one differ in, so that what is done once drops out."""
        few, many = (self.often(figure, exchanges) for exchanges in self.bench.plan.counted_exchanges)
        counts = [program.count(figure.mechanism, figure.part, exchanges) for exchanges in (few, many)]
        return (counts[1] - counts[0]) / (many - few)

    @staticmethod
    def often(figure, exchanges):
        return max(exchanges // 200, 1) if figure.is_slow else exchanges


def row(measure, peer, unit, bounds):
    return Row(measure, peer, unit, *map(at_most, bounds or ()))
