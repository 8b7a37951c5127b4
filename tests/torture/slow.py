"""Clients that are slow, or never close: each is let go in time, and nobody waits for them."""
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import tally
from clients import GOOD, logins
from ground import BOTH, OURS, THEIRS

LATEST = 35
PACE = 2  # seconds from one octet to the next


def run(there):
    with ThreadPoolExecutor() as pool:
        seen = {who: pool.submit(kept, there, who) for who in BOTH}
    ours, theirs = seen[OURS].result(), seen[THEIRS].result()
    for kind in KINDS:
        tally.judge(f"a client that {kind} is let go within {LATEST} s",
                    ours[kind] is not None and ours[kind] <= LATEST,
                    after(ours[kind], LATEST), after(theirs[kind], there.plan.watched))


def after(seconds, watched):
    return f"not in {watched} s" if seconds is None else f"after {seconds:.1f} s"


def kept(there, who):
    """How long each kind of them was."""
    watched = LATEST if who == OURS else there.plan.watched
    with there.sasldb(who, "slow", "-n", "5") as daemon, ThreadPoolExecutor() as pool:
        seen = {kind: pool.submit(until_closed, daemon, act, watched) for kind, act in KINDS.items()}
        while who == OURS and not all(one.done() for one in seen.values()):
            good, slowest = logins(daemon, 5)
            tally.holds("slow clients: the others are served", good == 5 and slowest < 1000, (good, slowest))
            time.sleep(.5)
        return {kind: one.result() for kind, one in seen.items()}


def until_closed(daemon, act, watched):
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PACE)
        s.connect(str(daemon.run / "mux"))
        for octets in act():
            if time.monotonic() - began > watched:
                return None
            if is_closed(s, octets):
                break
    return time.monotonic() - began


def is_closed(s, octets):
    """Whether nothing that is sent gets anywhere any more: that nothing comes need not mean that nobody reads."""
    try:
        s.sendall(octets)
        while s.recv(64):
            pass
        time.sleep(.1)
        s.sendall(b"x")
        return False
    except TimeoutError:
        return False
    except OSError:
        return True


def say_nothing():
    while True:
        yield b""


def trickle():
    for number in range(len(GOOD)):
        yield GOOD[number:number + 1]


def never_close():
    yield GOOD
    yield from say_nothing()


KINDS = {"says nothing": say_nothing, f"sends an octet every {PACE} s": trickle,
         "has its answer and does not close": never_close}
