"""Mechanisms in one process, client and server, ours and two other libraries: medians of many exchanges."""

import json
import subprocess

from ..programs import build_peer
from ..row import Row, at_most

PEERS = {"gsasl": (0.5, 0.25), "libsasl2": (0.2, 0.1)}  # must, aim
FIGURES = {
    "CRAM-MD5": ("server_ns", "CRAM-MD5, the server's part"),
    "DIGEST-MD5": ("server_ns", "DIGEST-MD5, the server's part"),
    "PLAIN": ("full_ns", "PLAIN, client and server, the password in memory"),
}


class Mechanisms:
    def __init__(self, bench):
        self.bench = bench
        self.rows = {
            (mechanism, peer): Row(measure, peer, "ns", at_most(must), at_most(aim))
            for mechanism, (_, measure) in FIGURES.items()
            for peer, (must, aim) in PEERS.items()
        }

    def run(self):
        programs = {peer: build_peer(peer, self.bench.scratch) for peer in PEERS}
        programs["ours"] = self.bench.tools / "mechs"
        for number in self.bench.rounds("mechanisms"):
            for mechanism, (figure, _) in FIGURES.items():
                turned = self.bench.turned(programs.items(), number)
                seen = {name: self.exchange(program, mechanism)[figure] for name, program in turned}
                for peer in PEERS:
                    self.rows[mechanism, peer].add(seen["ours"], seen[peer])

    def exchange(self, program, mechanism):
        command = [program, mechanism, str(self.bench.plan.exchanges)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
