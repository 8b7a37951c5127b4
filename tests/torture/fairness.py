"""One user of this host keeps the daemon as busy as it can; another one does not notice."""
import time
from concurrent.futures import ThreadPoolExecutor

import tally
import world
from clients import TIM, Apart, calmest, logins
from ground import OURS, THEIRS

FLOODER, OTHER = 2003, 2004
CROWD, SECONDS = 64, 20
LOGINS, CHECKED = 40, 9
SLOWEST, SLOWEST_CHECKED = 50, 1_000  # milliseconds, where no process is needed, and where one is
SLOW = {"login": "slow", "service": "faults"}
WRONG = {**TIM, "password": world.WRONG}
PERMITTED = {"login": "anybody", "service": "permit"}
OF_THEIRS_PATIENCE = 2


def run(there):
    good, slowest, checked, slowest_checked = ours(there, "slow", SLOW)
    theirs = of_theirs(there)
    tally.judge(f"another user floods with slow checks: logins by sasldb within {SLOWEST} ms",
                good == LOGINS and slowest <= SLOWEST * there.plan.leeway, told(good, LOGINS, slowest), theirs)
    tally.judge(f"the same: logins by pam within {SLOWEST_CHECKED} ms",
                checked == CHECKED and slowest_checked <= SLOWEST_CHECKED * there.plan.leeway, told(checked, CHECKED, slowest_checked),
                theirs)
    good, slowest, _, _ = ours(there, "wrong", WRONG)
    tally.judge(f"another user floods with wrong passwords: logins by sasldb within {SLOWEST} ms",
                good == LOGINS and slowest <= SLOWEST * there.plan.leeway, told(good, LOGINS, slowest), "as above")


def told(good, of, slowest):
    return f"{good} of {of}, {slowest:.1f} ms at most"


def ours(there, name, flood):
    mechanisms = ("-a", "sasldb,pam", "-O", f"sasldb={there.database}")
    with there.daemon(OURS, f"fairness-{name}", *mechanisms) as daemon:
        logins(daemon, 1)
        with Apart(there, FLOODER, lambda: keep_busy(daemon, flood)):
            time.sleep(1)
            with Apart(there, OTHER, lambda: calmest(lambda: logins(daemon, LOGINS), SLOWEST)) as other:
                good, slowest = other.result()
            with Apart(there, OTHER, lambda: logins(daemon, CHECKED, **PERMITTED)) as other:
                checked, slowest_checked = other.result()
    return good, slowest, checked, slowest_checked


def of_theirs(there):
    with there.daemon(THEIRS, "fairness", "-a", "pam", "-n", "5") as daemon:
        with Apart(there, FLOODER, lambda: keep_busy(daemon, SLOW)):
            time.sleep(1)
            with Apart(there, OTHER, lambda: logins(daemon, CHECKED, OF_THEIRS_PATIENCE, **PERMITTED)) as other:
                good, slowest = other.result()
                return told(good, CHECKED, slowest)


def keep_busy(daemon, flood):
    end = time.monotonic() + SECONDS

    def go_on(_):
        while time.monotonic() < end:
            if daemon.ask(**flood)[0][:2] not in ("OK", "NO"):
                time.sleep(.01)

    with ThreadPoolExecutor(CROWD) as pool:
        list(pool.map(go_on, range(CROWD)))
