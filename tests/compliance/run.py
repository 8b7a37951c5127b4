#!/usr/bin/env python3
"""Black-box cases for saslauthd, testsaslauthd, saslpasswd2 and sasldblistusers2; see README.md beside it."""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from runner import case, pool, subject

HERE = pathlib.Path(__file__).resolve().parent
USAGE_ERROR = 2


def main():
    options = parse(sys.argv[1:])
    cases = select([c for file in options.files for c in read_json(file)], options)
    if options.list:
        for c in cases:
            print(f"{c['id']:40} {c['area']:18} {c['title']}")
        return 0
    if os.geteuid() != 0:
        return refuse("must be root: every case has namespaces of its own")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # by way of the cleaning up
    with scratch_directory(options.keep) as scratch:
        count = run(cases, scratch, options.jobs)
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    if count["passed"] + count["failed"] == 0:
        return refuse("no case ran")
    return 1 if count["failed"] else 0


def parse(arguments):
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument("files", nargs="*", default=[HERE / "cases.json"], help="cases files (default: its own)")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT[,...]",
                        help="only cases whose id contains one of these; may be repeated")
    parser.add_argument("--area", action="append", default=[], metavar="AREA[,...]",
                        help="only cases of these areas; may be repeated")
    parser.add_argument("--list", action="store_true", help="show the cases, run nothing")
    parser.add_argument("--jobs", type=positive, default=8, metavar="N", help="cases at a time (default: 8)")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory")
    options = parser.parse_args(arguments)
    options.only, options.area = names(options.only), names(options.area)
    return options


def positive(text):
    if int(text) < 1:
        raise ValueError
    return int(text)


def names(values):
    return [name for value in values for name in value.split(",")]


def read_json(path):
    return json.loads(pathlib.Path(path).read_text())


def select(cases, options):
    for area in options.area:
        if not any(c["area"] == area for c in cases):
            sys.exit(refuse(f"no case of area {area!r}"))
    return [c for c in cases
            if (not options.area or c["area"] in options.area)
            and (not options.only or any(text in c["id"] for text in options.only))]


def refuse(reason):
    print(f"run.py: {reason}", file=sys.stderr)
    return USAGE_ERROR


@contextlib.contextmanager
def scratch_directory(keep):
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="sasl-"))
    scratch.chmod(0o755)
    try:
        if len(str(scratch)) > 60 or not subject.open_to_all(str(scratch)):
            sys.exit(refuse(f"{scratch}: TMPDIR must be a short path that ordinary users can enter"))
        yield scratch
    finally:
        if keep:
            print(f"kept {scratch}")
        elif str(scratch) not in pathlib.Path("/proc/self/mountinfo").read_text():  # else /etc may be below it
            shutil.rmtree(scratch, ignore_errors=True)


def run(cases, scratch, jobs):
    """Runs the cases, with a line for each that is skipped or fails; gives how many there were of each kind."""
    (scratch / "bin").mkdir()
    tested = subject.from_environment(scratch / "bin")
    fixtures = read_json(HERE / "fixtures.json")
    pending = read_json(HERE / "pending.json") if tested.ours else {}
    skipped = {c["id"]: reason for c in cases if (reason := case.skip_reason(c, tested))}
    count = collections.Counter(skipped=len(skipped))
    for name, reason in skipped.items():
        print(f"SKIP {name}: {reason}", flush=True)
    to_run = [c for c in cases if c["id"] not in skipped]
    for c, problems in pool.run(to_run, lambda c, root: case.run(c, tested, fixtures, root), scratch, jobs):
        count[tell(c["id"], problems, pending.get(c["id"]))] += 1
    return count


def tell(name, problems, pending):
    """Prints what became of a case unless it passed as it should; gives the kind it counts as."""
    if pending and problems:
        print(f"SKIP {name}: still fails, for {pending}", flush=True)
        return "skipped"
    if pending:
        problems = ["it passes, and can leave pending.json"]
    if problems:
        print(f"FAIL {name}: " + "; ".join(problems), flush=True)
    return "failed" if problems else "passed"


if __name__ == "__main__":
    sys.exit(main())
