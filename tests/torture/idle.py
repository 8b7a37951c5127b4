"""Clients that say nothing: whoever speaks is served as if they were not there."""
import tally
from clients import Crowd, at_once, calmest, logins
from daemon import OK
from ground import BOTH, OURS, THEIRS

CROWDS = (1, 5, 50, 1_000)
LOGINS, OF_THEIRS, PATIENCE = 40, 4, 2
SLOWEST = 50  # milliseconds


def run(there):
    seen = {who: among(there, who) for who in BOTH}
    for crowd in CROWDS:
        good, slowest = seen[OURS][crowd]
        tally.judge(f"{crowd} idle clients: all others are served within {SLOWEST} ms",
                    good == LOGINS and slowest <= SLOWEST * there.plan.leeway, f"{good} of {LOGINS}, {slowest:.1f} ms at most",
                    f"{seen[THEIRS][crowd]} of {OF_THEIRS} in {PATIENCE} s")


def among(there, who):
    ask = our_logins if who == OURS else their_logins
    with there.sasldb(who, "idle", "-n", "5") as daemon:
        seen = {}
        for crowd in CROWDS:
            with Crowd(daemon, crowd, patience=PATIENCE):
                seen[crowd] = ask(daemon)
        return seen


def our_logins(daemon):
    return calmest(lambda: logins(daemon, LOGINS), SLOWEST)


def their_logins(daemon):
    """All at once: none of them may ever end."""
    return at_once(OF_THEIRS, lambda: daemon.verdict("tim", realm="example.org", patience=PATIENCE)).count(OK)
