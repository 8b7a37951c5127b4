"""A run from its command line to its table."""

import argparse
import shlex
import signal
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from . import machine, programs
from .bench import Bench
from .measures.backends import Backends
from .measures.base64 import Base64
from .measures.exchanges import Exchanges
from .measures.instructions import Instructions
from .measures.layers import Layers
from .measures.logins import Logins
from .measures.mechanisms import Mechanisms
from .measures.memory import Memory
from .measures.operation import Operation
from .original import Original
from .ours import Ours
from .plan import FULL, QUICK
from .table import table

TABLES = {
    "The daemon": {"logins": Logins, "instructions": Instructions, "memory": Memory, "backends": Backends,
                   "operation": Operation, "exchanges": Exchanges},
    "The library": {"mechanisms": Mechanisms, "layers": Layers, "base64": Base64},
}
MEASURES = {name: measure for measures in TABLES.values() for name, measure in measures.items()}
RESULTS = programs.BENCH / "RESULTS.md"


def main():
    options = parse()
    machine.check()
    # Told to end, as when interrupted: nothing is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="saslauthd-bench-") as scratch:
        report, missed = run(options, Path(scratch))
    print(report)
    if not options.partial:
        RESULTS.write_text(report)
    return 1 if missed else 0


def parse():
    parser = argparse.ArgumentParser(
        prog="bench/run",
        description="Measures our programs side by side with Debian's originals, prints a table of ratios, and "
        "writes it to bench/RESULTS.md. Ends with 1 where a ratio misses its must. Our programs are those in "
        "OURS_BIN, by default target/release.",
    )
    parser.add_argument("--quick", action="store_true", help="one short round with fewer users: to try the bench itself")
    parser.add_argument("--only", choices=MEASURES, action="append", help="this measure alone; can be given again")
    parser.add_argument("--original", action="store_true",
                        help="the original's saslauthd in the place of ours too: then the ratios should be 1")
    options = parser.parse_args()
    options.partial = options.quick or options.only or options.original
    return options


def run(options, scratch):
    ours = Original() if options.original else Ours(programs.find_ours())
    bench = Bench(QUICK if options.quick else FULL, scratch, programs.build_tools(), ours, Original())
    measures = {name: MEASURES[name](bench) for name in MEASURES if name in (options.only or MEASURES)}
    began = datetime.now(timezone.utc)
    for measure in measures.values():
        measure.run()
    rows = [row for measure in measures.values() for row in measure.rows.values()]
    return report(bench, began, measures), any(row.verdict == "MISSED" for row in rows)


def report(bench, began, measures):
    ended = datetime.now(timezone.utc)
    minutes = (ended - began).total_seconds() / 60
    command = shlex.join(["bench/run", *sys.argv[1:]])
    return f"""\
# Side by side with the originals

| | |
|---|---|
| command | `{command}` |
| date | {began:%Y-%m-%d %H:%M} UTC, {minutes:.0f} minutes |
| machine | {machine.describe()} |
| versions | {machine.versions()} |
| processor time | {bench.clock()} |
| rounds | {bench.plan.rounds}, interleaved; (once) where there is only one |
| load average | {bench.busy()}, the load of this run included |

{tables(measures)}
Each ratio is ours divided by theirs, taken pair by pair inside a round; the median over the rounds counts.
bench/README.md says how each figure comes about.
"""


def tables(measures):
    """One under each heading, where something of it was measured."""
    rows = {heading: [row for name in names if name in measures for row in measures[name].rows.values()]
            for heading, names in TABLES.items()}
    return "\n".join(f"## {heading}\n\n{table(its_rows)}" for heading, its_rows in rows.items() if its_rows)
