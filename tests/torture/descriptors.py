"""Forty open files, and ten times as many clients that say nothing."""
import time

import processes
import tally
from clients import TIM, Crowd, at_once
from daemon import OK, within
from ground import BOTH

FILES, CROWD, LOGINS, PATIENCE = 40, 400, 6, 2
HELD = 2     # seconds
BUSY = .2    # of a second, meanwhile
BACK_WITHIN = 1


def run(there):
    ours, theirs = (at_the_limit(there, who) for who in BOTH)
    good, busy, back = ours
    is_so = good >= LOGINS - 1 and busy <= BUSY and back <= BACK_WITHIN
    tally.judge(f"{FILES} files, {CROWD} clients that say nothing: others are served, nothing spins", is_so,
                told(*ours), told(*theirs))


def told(good, busy, back):
    return f"{good} of {LOGINS} are served, {busy:.2f} s of processor time in {HELD} s, back after {back * 1000:.0f} ms"


def at_the_limit(there, who):
    with there.sasldb(who, "descriptors", "-n", "5", under=("prlimit", f"--nofile={FILES}:{FILES}")) as daemon:
        family = processes.family(daemon.process.pid)
        with Crowd(daemon, CROWD):
            before = processes.seconds(family)
            time.sleep(HELD)
            busy = processes.seconds(family) - before
            good = at_once(LOGINS, lambda: daemon.verdict(**TIM, patience=PATIENCE)).count(OK)
        closed = time.monotonic()
        within(10, lambda: daemon.verdict(**TIM, patience=1) == OK)
        return good, busy, time.monotonic() - closed
