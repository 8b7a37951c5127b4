"""Passwords that nobody else has, looked for wherever they should not be: store, memory, core, log, arguments."""
import contextlib
import os
import re
import signal
import time

import processes
import tally
from clients import REALM
from daemon import OK, within
from ground import BOTH, OURS, THEIRS

COUNT = 10
SETTLED = 1  # second after the last request
RIGHT = [f"canary-{number}-right" for number in range(COUNT)]
TRIED = [f"canary-{number}-tried" for number in range(COUNT)]
PASSWORDS = RIGHT + TRIED
PIECE, OVERLAP = 1 << 24, 64
KINDS = ("store", "memory", "log", "arguments and environment", "core")


def run(there):
    found = {who: search(there, who) for who in BOTH}
    for kind in KINDS:
        ours, theirs = (found[who][kind] for who in BOTH)
        tally.judge(f"passwords in {kind}", not ours, *(f"{len(some)} of {len(PASSWORDS)}" for some in (ours, theirs)))
    left = without_a_store(there)
    tally.judge("passwords in memory where nobody is looked up", not left, f"{len(left)} of {len(TRIED)}", "not tried")


def search(there, who):
    """Which of the passwords were found where."""
    store = there.root / f"canaries-{who}"
    for number, password in enumerate(RIGHT):
        there.add_password(who, store, f"canary{number}", password)
    with started(there, who, store) as daemon:
        log_in(daemon, who)
        time.sleep(SETTLED)
        family = processes.family(daemon.process.pid)
        mark = str(daemon.run)  # the argument of -m is there, which shows that the rest would be found
        memory = {word for pid in family for word in in_memory(pid, [*PASSWORDS, mark])}
        tally.holds(f"canaries: the memory of {who} is looked at", mark in memory)
        shown = "".join(processes.read(pid, name) for pid in family for name in ("cmdline", "environ"))
        core = in_cores(daemon, family)
    return {"store": in_file(store), "memory": memory - {mark}, "log": in_text(daemon.log()),
            "arguments and environment": in_text(shown), "core": core}


def without_a_store(there):
    """The last password of all is not written over by what is done for the next."""
    with there.daemon(OURS, "canaries-lost", "-a", "sasldb", "-O", there.root / "no-store") as daemon:
        for password in TRIED:
            daemon.verdict("anybody", password)
        time.sleep(SETTLED)
        return {word for pid in processes.family(daemon.process.pid) for word in in_memory(pid, TRIED)}


def started(there, who, store):
    """Ours with helpers as well."""
    under = ("prlimit", "--core=unlimited:unlimited")
    if who == THEIRS:
        return there.sasldb(who, "canaries", "-n", "5", "-c", database=store, under=under)
    mechanisms = ("-a", "sasldb,pam,shadow", "-O", f"sasldb={store}")
    return there.daemon(who, "canaries", *mechanisms, "-n", "5", "-c", under=under)


def log_in(daemon, who):
    for number, password in enumerate(RIGHT):
        answer = daemon.verdict(f"canary{number}", password, realm=REALM)
        tally.holds(f"canaries: {who} lets in who is right", answer == OK, daemon.log())
        daemon.verdict(f"canary{number}", TRIED[number], realm=REALM)
        daemon.verdict("sha512", TRIED[number], service="unix" if number == 0 else "other")


def in_text(text, words=PASSWORDS):
    return {word for word in words if word in text}


def in_file(path):
    return in_text(path.read_bytes().decode("latin1"))


def in_memory(pid, words):
    """Of all that it can read itself, but for files that it only reads."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in processes.read(pid, "maps").splitlines():
            begin, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if rights.startswith("r") and rights != "r--s":
                found |= in_part(memory, int(begin, 16), int(end, 16), words)
    return found


def in_part(memory, begin, end, words):
    """Piece by piece; the ends overlap."""
    found = set()
    for at in range(begin, end, PIECE):
        try:
            memory.seek(at)
            found |= in_text(memory.read(min(PIECE + OVERLAP, end - at)).decode("latin1"), words)
        except (OSError, OverflowError):
            break  # what only the kernel reads
    return found


def in_cores(daemon, family):
    """Each process crashes. What the kernel writes, it writes where it was, unless the machine says elsewhere."""
    before = set(daemon.run.iterdir())
    for pid in reversed(family):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSEGV)
    within(5, lambda: daemon.process.poll() is not None)
    time.sleep(.2)
    cores = set(daemon.run.iterdir()) - before
    return {word for core in cores if core.is_file() for word in in_file(core)} | ({"a core"} if cores else set())
