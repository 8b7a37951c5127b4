"""-a sasldb,pam with a module that does what none should: `faults.c`. Each fault has a daemon of its own."""
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import tally
import world
from daemon import NO, OK, SETTLING, Daemon, within

AT_ONCE = ("abort", "crash", "exit-0", "exit-1", "memory", "descriptors", "close", "replace", "fork", "copy",
           "copy-leak")
IDLY, BUSILY = ("delay", "hang"), ("spin",)
FOR_EVER = ("hang", "spin")  # until they are ended
TIMES = 10                   # one after the other, and then as many at once
SLOWEST = 1                  # seconds that a good login elsewhere may take meanwhile
LATEST = {"hang": 23, "spin": 23, "delay": 5}  # seconds until the answer; the deadline is 20
OTHERS_LATEST = 3
HELPERS = 5
ORIGINAL_PATIENCE = 3


def run(there):
    """One after the other what is over at once, beside it what only waits, and alone what keeps the machine busy."""
    with ThreadPoolExecutor() as pool:
        waits = [pool.submit(misbehave, there, fault) for fault in IDLY]
        parts = [pool.submit(lambda: [misbehave(there, fault) for fault in AT_ONCE])]
    with ThreadPoolExecutor() as pool:
        spins = [pool.submit(misbehave, there, fault) for fault in BUSILY]
    for part in [*waits, *parts, *spins]:
        tally.finishes("faults", part)


def misbehave(there, fault):
    ours = with_ours(there, fault)
    tally.tell(f"{fault:12} a good login meanwhile: ours {ours}; the original {with_original(there, fault)}")


def with_ours(there, fault):
    """Gives how long good logins took, at most."""
    mechanisms = ("-a", "sasldb,pam", "-O", f"sasldb={there.database}", "-n", str(HELPERS))
    with Daemon(there, f"fault-{fault}", *mechanisms, "--no-cache", "--no-throttle") as daemon:
        others = Others(daemon)
        others.log_in()
        with ThreadPoolExecutor(2 * TIMES) as pool:
            answers = one_after_the_other(daemon, fault, pool, others) + at_once(daemon, fault, pool, others)
        judge(daemon, fault, [answer.result() for answer in answers])
        is_whole(daemon, fault, others)
        others.judge()
        return f"{max(others.took) * 1000:.0f} ms"


class Others:
    """Those who log in meanwhile: one whom sasldb knows, and one by another service of PAM."""

    def __init__(self, daemon):
        self.daemon, self.took, self.refused = daemon, [], []

    def log_in(self):
        for login in ({"login": "tim", "realm": "example.org"}, {"login": "anybody", "service": "permit"}):
            answer, took = self.daemon.ask(**login)
            self.took.append(took)
            if answer != OK:
                self.refused.append((login, answer))

    def judge(self):
        log = self.daemon.log()[-3000:]
        tally.holds(f"{self.daemon.name}: good logins are let in", not self.refused, (self.refused, log))
        slow = [f"{took:.2f}" for took in self.took if took >= SLOWEST]
        tally.holds(f"{self.daemon.name}: good logins take under a second", not slow, slow)


def one_after_the_other(daemon, fault, pool, others):
    """What would take for ever is not waited for."""
    answers = []
    for _ in range(TIMES):
        answers.append(pool.submit(daemon.ask, fault, service="faults"))
        if fault in FOR_EVER:
            time.sleep(.1)
        else:
            answers[-1].result()
        others.log_in()
    return answers


def at_once(daemon, fault, pool, others):
    ready = threading.Barrier(TIMES)

    def ask():
        ready.wait()
        return daemon.ask(fault, service="faults")

    answers = [pool.submit(ask) for _ in range(TIMES)]
    others.log_in()
    while not all(answer.done() for answer in answers):
        time.sleep(.5)
        others.log_in()
    return answers


def judge(daemon, fault, answers):
    tally.holds(f"{fault}: each is answered NO", all(answer[:2] == NO for answer, _ in answers), answers)
    latest = max(took for _, took in answers)
    tally.holds(f"{fault}: in time", latest < LATEST.get(fault, OTHERS_LATEST), latest)
    lines = [line for line in daemon.log().splitlines() if f"[user={fault}]" in line and "auth failure" in line]
    tally.holds(f"{fault}: the log has a line for each", len(lines) == 2 * TIMES, (len(lines), daemon.log()[-2000:]))
    if fault == "delay":
        tally.holds("delay: it is kept, and nobody else waits", min(took for _, took in answers) > .9, answers)


def is_whole(daemon, fault, others):
    """As if nothing had been: as many helpers as there may be, each of which answers, and none that has ended."""
    settled = within(SETTLING, lambda: len(daemon.helpers()) <= HELPERS and not daemon.zombies())
    seen = daemon.helpers(), daemon.zombies()
    tally.holds(f"{fault}: helpers are within their bound, and waited for", settled, seen)
    with ThreadPoolExecutor(2 * HELPERS) as pool:
        good = list(pool.map(lambda _: daemon.verdict("anybody", service="permit"), range(2 * HELPERS)))
        bad = list(pool.map(lambda _: daemon.verdict("anybody", service="other"), range(2 * HELPERS)))
    tally.holds(f"{fault}: who is right is let in afterwards", set(good) == {OK}, good)
    tally.holds(f"{fault}: and who is not is not", set(bad) == {NO}, bad)
    others.log_in()


def with_original(there, fault):
    """What becomes of the original: a good login while ten of these are on their way, and its processes."""
    with Daemon(there, f"original-{fault}", "-a", "pam", "-n", "5", program=there.original) as daemon:
        with ThreadPoolExecutor(TIMES) as pool:
            for _ in range(TIMES):
                pool.submit(daemon.ask, fault, service="faults", patience=ORIGINAL_PATIENCE)
                time.sleep(.02)
            answer, took = daemon.ask("anybody", service="permit", patience=ORIGINAL_PATIENCE)
        left = len(daemon.helpers()) - len(daemon.zombies()) + (daemon.process.poll() is None)
        seen = f"{took * 1000:.0f} ms" if answer == OK else f"no ({answer})"
        for pid in daemon.helpers():
            world.end(pid)
        return f"{seen}, {left} of 5 processes are left"
