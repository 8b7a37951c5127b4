"""What is remembered of a password that has changed, of a user who is gone, and when the clock is set back by a day."""
import mmap
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import tally
import world
from clients import REALM
from daemon import NO, OK
from ground import BOTH, OURS, THEIRS

LIFE = 4          # seconds that passwords are remembered
WATCHED = 10
AT_ONCE, IN_TIME = 1, 10
DAY = 86_400
NEW = "charcoal"


def run(there):
    with ThreadPoolExecutor() as pool:
        kinds = {"whose password was changed": changed, "who was deleted": deleted}
        seen = {(kind, who): pool.submit(in_sasldb, there, who, act)
                for kind, act in kinds.items() for who in BOTH}
        set_back = {OURS: pool.submit(ours_set_back, there), THEIRS: pool.submit(theirs_set_back, there)}
    for kind in kinds:
        ours, theirs = (seen[kind, who].result() for who in BOTH)
        tally.judge(f"a user {kind} is out within {AT_ONCE} s, with -t {LIFE}", ours is not None and ours <= AT_ONCE,
                    told(ours), told(theirs))
    ours, theirs = (set_back[who].result() for who in BOTH)
    tally.judge(f"a password of shadow, changed, and the clock a day back: out within {IN_TIME} s, with -t {LIFE}",
                ours is not None and ours <= IN_TIME, told(ours), told(theirs))


def told(seconds):
    return f"still in after {WATCHED} s" if seconds is None else f"{seconds:.2f} s"


def in_sasldb(there, who, act):
    """How long the old password of a user was good after what was done to them."""
    name = f"remembered-{act.__name__}"
    store = there.root / f"{name}-{who}"
    there.add_password(who, store, name)
    with there.sasldb(who, name, "-c", "-t", str(LIFE), "-n", "1", database=store) as daemon:
        wanted = {"login": name, "realm": REALM}
        answers = [daemon.verdict(**wanted) for _ in range(2)]
        tally.holds(f"remembered: {who} lets {name} in", answers == [OK, OK], daemon.log())
        act(there, who, store, name)
        return until_refused(daemon, **wanted)


def changed(there, who, store, name):
    there.add_password(who, store, name, NEW)


def deleted(there, who, store, name):
    subprocess.run([there.tool(who, "saslpasswd2"), "-d", "-f", store, "-u", REALM, name], check=True)


def until_refused(daemon, **who):
    began = time.monotonic()
    while (took := time.monotonic() - began) < WATCHED:
        if daemon.verdict(**who) == NO:
            return took
        time.sleep(.05)
    return None


# the clock

def ours_set_back(there):
    """Remembered of shadow: only time ends it."""
    with Clock(there, "ours") as clock:
        set_shadow(there, world.PASSWORD)
        with there.daemon(OURS, "set-back", "-a", "shadow", "-c", "-t", str(LIFE), under=clock.under) as daemon:
            tally.holds("remembered: shadow knows them", daemon.verdict("forgetful") == OK, daemon.log())
            clock.set(-DAY)
            set_shadow(there, NEW)
            return until_refused(daemon, login="forgetful")


def theirs_set_back(there):
    with Clock(there, "theirs") as clock:
        there.add_password(THEIRS, store := there.root / "set-back-store", "forgetful")
        words = ("-c", "-t", str(LIFE), "-n", "1")
        with there.sasldb(THEIRS, "set-back", *words, database=store, under=clock.under) as daemon:
            daemon.verdict("forgetful", realm=REALM)
            clock.set(-DAY)
            there.add_password(THEIRS, store, "forgetful", NEW)
            return until_refused(daemon, login="forgetful", realm=REALM)


def set_shadow(there, password):
    """As passwd does: a new file in the place of the old."""
    etc, line = there.root / "etc", f"forgetful:{world.crypt(password, world.SHA512)}:20000:0:99999:7:::\n"
    for name, its in (("passwd", "forgetful:x:3999:100::/nonexistent:/bin/false\n"), ("shadow", line)):
        kept = [line for line in (etc / name).read_text().splitlines(True) if not line.startswith("forgetful:")]
        (etc / f"{name}.new").write_text("".join(kept) + its)
        os.replace(etc / f"{name}.new", etc / name)


class Clock:
    """A context: a clock of its own for whatever runs under it, by `clock.c`."""

    def __init__(self, there, name):
        library, self.path = there.root / f"clock-{name}.so", there.root / f"clock-{name}"
        options = "-O2 -Wall -Wextra -Werror -fPIC -shared".split()
        subprocess.run(["cc", *options, "-o", library, world.pathlib.Path(__file__).parent / "clock.c"], check=True)
        self.path.write_bytes(bytes(8))
        self.under = ("env", f"LD_PRELOAD={library}", f"CLOCK_OFFSET={self.path}")

    def __enter__(self):
        self.file = open(self.path, "r+b")
        self.offset = mmap.mmap(self.file.fileno(), 8)
        return self

    def __exit__(self, *_):
        self.offset.close()
        self.file.close()

    def set(self, seconds):
        self.offset[:] = seconds.to_bytes(8, "little", signed=True)
        seen = int(subprocess.run([*self.under, "date", "+%s"], capture_output=True, check=True).stdout)
        tally.holds("remembered: the clock is another", abs(seen - time.time() - seconds) < 60, seen)
