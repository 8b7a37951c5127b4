"""The security layer of DIGEST-MD5, both ends in one process: bytes of plain text that are carried, ours and libsasl2."""

import json
import subprocess
import tempfile
from pathlib import Path

from .. import callgrind
from ..programs import build_peer
from ..row import Row, at_least

AGAINST = "libsasl2"
QOPS = {"auth-int": "auth-int", "auth-conf": "auth-conf, RC4"}
TASKS = ("encode", "decode")
BLOCKS = (1_024, 4_096, 16_384, 60_000)
COUNTED = 16_384  # the block whose instructions are counted
SHORT, LONG = 1, 5  # rounds under callgrind: a long run less a short one, so that start and exchange drop out


class Layers:
    def __init__(self, bench):
        self.bench = bench
        self.rows = {}
        for qop, text in QOPS.items():
            for task in TASKS:
                for block in BLOCKS:
                    measure = f"{text}: {task}, packets of {block:,} bytes"
                    self.rows[qop, task, block] = Row(measure, AGAINST, "MB/s", at_least(1), at_least(1.25))
                measure = f"{text}: {task}, instructions per byte, by callgrind"
                self.rows[qop, task] = Row(measure, AGAINST, "")

    def run(self):
        programs = {"ours": self.bench.tools / "layers", "theirs": build_peer("layers", self.bench.scratch)}
        for number in self.bench.rounds("layers"):
            for qop, task, block in ((qop, task, block) for qop in QOPS for task in TASKS for block in BLOCKS):
                turned = self.bench.turned(programs.items(), number)
                seen = {name: self.speed(program, qop, task, block) for name, program in turned}
                self.rows[qop, task, block].add(seen["ours"], seen["theirs"])
        for _ in self.bench.rounds("layers, instructions", 1):
            for qop in QOPS:
                ours, theirs = (self.instructions(program, qop) for program in programs.values())
                for task in TASKS:
                    self.rows[qop, task].add(ours[task], theirs[task])

    def speed(self, program, qop, task, block):
        carried = carry([program, qop, task, str(block), str(self.bench.plan.carried)])
        return carried["bytes"] / carried["ns"] * 1_000

    def instructions(self, program, qop):
        """Those of decoding are without those of making what is decoded."""
        counts = {task: self.count(program, qop, task) for task in TASKS}
        return {"encode": counts["encode"], "decode": counts["decode"] - counts["encode"]}

    def count(self, program, qop, task):
        (few, fewer_bytes), (many, more_bytes) = (self.under_callgrind(program, qop, task, n) for n in (SHORT, LONG))
        return (many - few) / (more_bytes - fewer_bytes)

    def under_callgrind(self, program, qop, task, rounds):
        out = Path(tempfile.mkdtemp(prefix="callgrind-", dir=self.bench.scratch)) / "profile"
        under = [*callgrind.COMMAND, f"--callgrind-out-file={out}"]
        carried = carry([*under, program, qop, task, str(COUNTED), str(rounds)])
        return callgrind.total(out), carried["bytes"] * rounds


def carry(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
