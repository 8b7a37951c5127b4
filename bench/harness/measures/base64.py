"""Base64: the crate that sasl-core uses, and what two other libraries have of their own. rsasl uses the same crate."""

from ..row import Row

SIZES = (24, 4096)
PEERS = ("libsasl2", "gsasl")
CALLS = 100  # that a program times together


class Base64:
    def __init__(self, bench):
        self.bench = bench
        self.rows = {
            (verb, size, peer): Row(f"base64, {verb} {size:,} bytes", peer, "ns")
            for verb in ("encode", "decode")
            for size in SIZES
            for peer in PEERS
        }

    def run(self):
        programs = {name: self.bench.libraries[name] for name in ["ours", *PEERS]}
        count = max(self.bench.plan.exchanges // CALLS, 10)
        for number in self.bench.rounds("base64"):
            for verb, size in sorted({(verb, size) for verb, size, _ in self.rows}):
                turned = self.bench.turned(programs.items(), number)
                seen = {name: program.time(f"{verb}-{size}", "full", count) / CALLS for name, program in turned}
                for peer in PEERS:
                    self.rows[verb, size, peer].add(seen["ours"], seen[peer])
