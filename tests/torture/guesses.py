"""One user's password guessed by another user of this host, as fast as it can, while its owner logs in."""
import time
from concurrent.futures import ThreadPoolExecutor

import tally
import world
from clients import REALM, Apart, logins
from ground import BOTH, OURS, THEIRS

SECONDS, AT_ONCE = 10, 16
MOST = 60          # guesses that are looked at
DELAY, CHECK = 1_000, 500  # milliseconds that whoever is right may be held up, and those that the check itself may take
GUESSER, OWNER = 2001, 2002
BESIDE, IN_TURN = 25, 30_000  # seconds of guesses by the mail server that the owner uses, too, and the milliseconds until they are let in
# What counts is which guesses reach the back end, whatever the daemon answers and when.
COUNTING = """\
#!/bin/sh
[ "$(tr -d '\\0')" = {password} ] || {{ echo >>{count}; false; }}
"""
# A script that fails is no wrong password to pam_exec.
SERVICE = """\
auth [success=1 default=ignore] pam_exec.so expose_authtok quiet {script}
auth requisite pam_deny.so
auth required pam_permit.so
account required pam_permit.so
"""


def run(there):
    count = there.write("guesses-seen", "")
    script = there.write("count-guesses", COUNTING.format(password=world.PASSWORD, count=count))
    script.chmod(0o755)
    there.write("etc/pam.d/counted", SERVICE.format(script=script))
    with there.daemon(OURS, "guesses", "-a", "pam", "--no-cache", throttled=True) as daemon:
        _, (good, of, slowest) = guessed(there, daemon, SECONDS, service="counted")
        seen = len(count.read_text())
        beside(there, daemon)
    rates = {who: rate(there, who) for who in BOTH}
    is_so = 0 < seen <= MOST and good == of and slowest <= DELAY + CHECK * there.plan.leeway
    tally.judge(f"guesses by one user, {SECONDS} s: at most {MOST} are looked at, and whoever is right waits at most "
                f"{DELAY / 1000} s for the check", is_so,
                f"{seen} looked at; {good} of {of} right ones, {slowest:.0f} ms at most; {told(rates[OURS])} with "
                "--no-throttle", told(rates[THEIRS]))


def beside(there, daemon):
    """The owner by the same user of this host as the guesser, and no client is named: nobody can tell one from the other."""
    def own():
        end, seen = time.monotonic() + BESIDE, []
        while time.monotonic() < end:
            seen.append(logins(daemon, 1, login="tim", realm=REALM, service="counted", patience=IN_TURN / 1000))
        return seen

    with Apart(there, GUESSER, lambda: guess(daemon, BESIDE, "counted")) as guesser, Apart(there, GUESSER, own) as owner:
        seen, _ = owner.result(), guesser.result()
    good, slowest = sum(good for good, _ in seen), max(took for _, took in seen)
    tally.judge(f"guesses by the same mail server, which names no clients, {AT_ONCE} at once for {BESIDE} s: whoever is "
                f"right is let in within {IN_TURN / 1000:.0f} s, each time", good == len(seen) and slowest <= IN_TURN,
                f"{good} of {len(seen)} right ones, {slowest:.0f} ms at most", "not tried: it slows nobody down")


def told(rate):
    guesses, (good, of, slowest) = rate
    return f"{guesses:,.0f} a second; {good} of {of} right ones, {slowest:.0f} ms at most"


def rate(there, who):
    """Guesses that were answered a second where nothing holds them up."""
    with there.sasldb(who, "guesses-calm") as daemon:
        answered, right = guessed(there, daemon, there.plan.flooded, service="imap")
        return answered / there.plan.flooded, right


def guessed(there, daemon, seconds, service):
    """How many guesses were answered, and what became of the owner, who logs in each second."""
    def own():
        seen = [logins(daemon, 1, login="tim", realm=REALM, service=service) for _ in paced(seconds)]
        return sum(good for good, _ in seen), len(seen), max(took for _, took in seen)

    with Apart(there, GUESSER, lambda: guess(daemon, seconds, service)) as guesser, Apart(there, OWNER, own) as owner:
        right = owner.result()
        return guesser.result(), right


def paced(seconds):
    for number in range(seconds):
        time.sleep(1)
        yield number


def guess(daemon, seconds, service):
    end = time.monotonic() + seconds

    def go_on(_):
        answered = 0
        while (left := end - time.monotonic()) > 0:
            answered += daemon.ask("tim", world.WRONG, service, REALM, patience=left)[0][:2] == "NO"
        return answered

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(go_on, range(AT_ONCE)))
