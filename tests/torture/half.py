"""Ten thousand halves of requests, held."""
import time

import processes
import tally
from clients import GOOD, TIM, Crowd, at_once, logins
from daemon import OK, within
from ground import BOTH, OURS, THEIRS

CROWD = 10_000
LOGINS, OF_THEIRS, PATIENCE = 100, 6, 2
MOST_MEMORY = 64 * 1024  # kB
BACK_WITHIN = 1.0


def run(there):
    seen = {who: among(there, who) for who in BOTH}
    good, refused, memory, back = seen[OURS]
    is_so = good >= .99 * LOGINS and memory <= MOST_MEMORY and back is not None and back <= BACK_WITHIN * there.plan.leeway
    tally.judge(f"{CROWD:,} half requests: 99 % of the others are served, in {MOST_MEMORY // 1024} MiB, and all is "
                f"well within {BACK_WITHIN:.0f} s", is_so, told(good, LOGINS, refused, memory, back),
                told(seen[THEIRS][0], OF_THEIRS, *seen[THEIRS][1:]))


def told(good, of, refused, memory, back):
    back = "not back" if back is None else f"back after {back * 1000:.0f} ms"
    return f"{good} of {of} are served, {refused:,} refused to connect, {memory / 1024:.1f} MiB, {back}"


def among(there, who):
    patient = ("--deadline", "60") if who == OURS else ()
    with there.sasldb(who, "half", "-n", "5", *patient) as daemon:
        with Crowd(daemon, CROWD, GOOD[:len(GOOD) // 2], patience=20 if who == OURS else PATIENCE) as crowd:
            if who == OURS:
                good, _ = logins(daemon, LOGINS)
            else:
                good = at_once(OF_THEIRS, lambda: daemon.verdict(**TIM, patience=PATIENCE)).count(OK)
            memory = processes.memory(processes.family(daemon.process.pid))
        closed = time.monotonic()
        back = within(10, lambda: daemon.verdict(**TIM, patience=1) == OK and few_are_open(daemon))
        return good, crowd.refused, memory, time.monotonic() - closed if back else None


def few_are_open(daemon):
    return all(processes.open_files(pid) < 100 for pid in processes.family(daemon.process.pid))
