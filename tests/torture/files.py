"""Links where it makes files: never followed. Directories and stores that others may write: refused, or warned of."""
import os
import subprocess

import tally
from clients import TIM
from daemon import NO, OK, within
from ground import BOTH, OURS

NAMES = ("mux", "mux.new", "mux.accept", "saslauthd.pid", "saslauthd.pid.lock", "control", "control.new", "metrics",
         "cache.mmap", "cache.flock")
PRECIOUS = "not to be touched\n"
NOBODY = 65534
REFUSES, WARNS, SILENT = "refuses", "warns", "says nothing"


def run(there):
    links(there)
    writable(there)


def links(there):
    followed = {who: [name for name in NAMES if follows(there, who, name)] for who in BOTH}
    tally.judge(f"links in the run directory, {len(NAMES)} names: no target is touched", not followed[OURS],
                *(f"{len(names)} followed {' '.join(names)}" for names in followed.values()))


def follows(there, who, name):
    """Whether a start wrote through a link of that name."""
    target = there.write(f"target-{who}-{name}", PRECIOUS)
    target.chmod(0o640)
    before = seen(target)
    daemon = there.sasldb(who, f"link-{name}", "-c", "-n", "1")
    (daemon.run / name).symlink_to(target)
    start(daemon)
    return seen(target) != before


def seen(path):
    at = path.stat()
    return path.read_bytes(), at.st_mode, at.st_ino, at.st_uid, at.st_mtime_ns


def start(daemon):
    """Starts it, waits until it serves or ends, and ends it. Gives whether it served."""
    with open(daemon.log_path, "wb") as log:
        process = subprocess.Popen(
            daemon.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    daemon.there.started.add(process.pid)
    try:
        within(5, lambda: process.poll() is not None or daemon.verdict(**TIM, patience=1) in (OK, NO))
        return process.poll() is None
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def writable(there):
    for who in BOTH:
        unspoilt = with_spoilt(there, who, "nothing", lambda *_: None)
        tally.holds(f"files: with nothing spoilt {who} {SILENT}", unspoilt == SILENT, unspoilt)
    for what, spoil in SPOILT.items():
        ours, theirs = (with_spoilt(there, who, what, spoil) for who in BOTH)
        tally.judge(f"{what}: refused, or warned of", ours != SILENT, ours, theirs)


def with_spoilt(there, who, what, spoil):
    """What it does with one of its places spoilt."""
    name = "spoilt-" + "-".join(what.split())
    store = there.root / f"{name}-{who}-store"
    there.add_password(who, store, "tim", options=("--verifiers", "cram-md5") if who == OURS else ())
    daemon = there.sasldb(who, name, "-n", "1", database=store)
    spoil(daemon.run, store)
    if not start(daemon):
        return REFUSES
    return WARNS if "warning" in daemon.log().lower() else SILENT


SPOILT = {
    "a run directory that all may write": lambda run, store: run.chmod(0o777),
    "a run directory of another user": lambda run, store: os.chown(run, NOBODY, NOBODY),
    "a store that all may write": lambda run, store: store.chmod(0o666),
    "a store that all may read": lambda run, store: store.chmod(0o644),
    "a store of another user": lambda run, store: os.chown(store, NOBODY, NOBODY),
}
