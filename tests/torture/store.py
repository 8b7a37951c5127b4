"""The store under its tools: a full disk, writers at once, writers that are killed. What was acknowledged stays."""
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import tally
from clients import REALM
from daemon import OK
from ground import BOTH, OURS, THEIRS

# Of a file system, in KiB: the original's database is smaller, and both are full after some hundred users.
SIZES = {OURS: 256, THEIRS: 48}
FAILED_AT_LAST = 40
WRITERS = 10


def run(there):
    for part in (full, at_once, killed):
        with ThreadPoolExecutor() as pool:
            seen = {who: pool.submit(part, there, who) for who in BOTH}
        judge(part, *(seen[who].result() for who in BOTH))


def judge(part, ours, theirs):
    lost, odd, _ = ours
    tally.judge(part.__doc__, not lost and not odd, told(*ours), told(*theirs))


def told(lost, odd, text):
    return f"{len(lost)} lost, {text}" + (f", {odd}" if odd else "")


def full(there, who):
    """A full disk: nothing acknowledged is lost, and whatever fails says so"""
    folder = there.folder(f"full-{who}")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZES[who]}k,mode=755", "full", folder], check=True)
    database, kept, failed = folder / "sasldb2", [], 0
    for number in range(5_000):
        if failed == FAILED_AT_LAST:
            break
        if add(there, who, database, name := f"user{number}"):
            kept.append(name)
        else:
            failed += 1
    odd = "" if failed == FAILED_AT_LAST else "the disk was never full"
    return lost(there, who, database, kept), odd, f"of {len(kept)} acknowledged; {failed} failed"


def at_once(there, who):
    """Ten writers at once: nothing is lost, and none fails"""
    database = there.folder(f"writers-{who}") / "sasldb2"
    names = [[f"user{writer}x{number}" for number in range(there.plan.users)] for writer in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        kept = [name for some in pool.map(lambda its: [name for name in its if add(there, who, database, name)], names)
                for name in some]
    failed = sum(map(len, names)) - len(kept)
    return lost(there, who, database, kept), f"{failed} failed" if failed else "", f"of {len(kept)} acknowledged"


def killed(there, who):
    """kill -9 of a writer at any moment: nothing acknowledged is lost"""
    database = there.folder(f"deaths-{who}") / "sasldb2"
    began = time.monotonic()
    kept = [name for name in ("first", "second", "third") if add(there, who, database, name)]
    usual, chance, deaths = (time.monotonic() - began) / 3, random.Random(who), 0
    for number in range(there.plan.deaths):
        with writer(there, who, database, name := f"user{number}") as process:
            try:
                process.wait(chance.uniform(0, 1.2 * usual))
            except subprocess.TimeoutExpired:
                process.kill()
                deaths += 1
        if process.returncode == 0:
            kept.append(name)
    return lost(there, who, database, kept), "", f"of {len(kept)} acknowledged; {deaths} killed"


def add(there, who, database, name):
    """Whether it was acknowledged."""
    with writer(there, who, database, name) as process:
        return process.wait() == 0


def writer(there, who, database, name):
    """The password goes with it."""
    ours = ("--verifiers", "cram-md5") if who == OURS else ()
    command = [there.tool(who, "saslpasswd2"), "-p", "-c", "-f", database, "-u", REALM, *ours, name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    there.started.add(process.pid)
    process.stdin.write(password(name))
    process.stdin.close()
    return process


def password(name):
    return f"pencil-{name}".encode()


def lost(there, who, database, names):
    """Which of them are not listed, or, of ours, not let in."""
    listing = [there.tool(who, "sasldblistusers2"), "-f", database]
    listed = subprocess.run(listing, capture_output=True, text=True).stdout.splitlines()
    there_are = {line.partition("@")[0] for line in listed}
    missing = [name for name in names if name not in there_are]
    if who == OURS:
        with there.sasldb(OURS, f"store-{database.parent.name}", database=database) as daemon:
            missing += [name for name in names if name not in missing
                        and daemon.verdict(name, password(name).decode(), realm=REALM) != OK]
    return missing
