"""Requests that are none: cut, too long, changed at random, with a NUL. None ends it, or is let in by mistake."""
import random

import processes
import tally
import world
from clients import GOOD, REALM, TIM, logins, said
from daemon import OK
from ground import BOTH, OURS, THEIRS

FIELDS = {"login": "tim", "password": world.PASSWORD, "service": "imap", "realm": REALM}
OVERSIZE = (257, 1_024, 4_096, 65_535)
MOST = 20  # changed octets


def run(there):
    seen = {who: all_of_them(there, who) for who in BOTH}
    hung, let_in, is_there = seen[OURS]
    tally.judge("malformed requests: none is let in, hangs or ends it", not hung and not let_in and is_there,
                told(*seen[OURS]), told(*seen[THEIRS]))


def told(hung, let_in, is_there):
    return f"let in {let_in or 0}, not answered {hung}, " + ("it goes on" if is_there else "IT DOES NOT GO ON")


def all_of_them(there, who):
    """How many were neither answered nor closed, what was let in that must not be, and whether it is as it was."""
    hung, let_in = 0, []
    with there.sasldb(who, "malformed", "-n", "5") as daemon:
        logins(daemon, 1)
        before = [pid for pid in processes.family(daemon.process.pid) if "--helper" not in processes.words(pid)]
        for kind, sent in requests(there.plan.mutants):
            answer = said(daemon, sent)
            hung += answer is None
            if answer and answer[2:4] == OK.encode() and not is_right(sent):
                let_in.append(kind)
        is_there = set(before) <= set(processes.family(daemon.process.pid)) and daemon.verdict(**TIM) == OK
    return hung, let_in, is_there


def requests(mutants):
    yield from (("cut", GOOD[:length]) for length in range(len(GOOD)))
    for name, value in FIELDS.items():
        yield from ((f"oversize {name}", framed({**FIELDS, name: "x" * size})) for size in OVERSIZE)
        yield f"NUL in {name}", framed({**FIELDS, name: f"{value}\0junk"})
        yield f"NUL before {name}", framed({**FIELDS, name: f"\0{value}"})
    chance = random.Random(GOOD)
    yield from (("mutant", mutant(chance)) for _ in range(mutants))


def framed(fields):
    return b"".join(len(value).to_bytes(2, "big") + value.encode() for value in fields.values())


def mutant(chance):
    changed = bytearray(GOOD)
    for _ in range(chance.randint(1, MOST)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(3):
            case 0: changed[at:at + 1] = [chance.randrange(256)]
            case 1: changed[at:at] = chance.randbytes(chance.randint(1, 8))
            case 2: del changed[at:at + chance.randint(1, 8)]
    return bytes(changed)


def is_right(sent):
    """Whether these bytes are tim's login after all; the service is any."""
    fields = []
    for _ in FIELDS:
        length, sent = int.from_bytes(sent[:2], "big"), sent[2:]
        fields.append(sent[:length])
        sent = sent[length:]
    login, password, service, realm = fields
    return (login, password, realm) == (b"tim", world.PASSWORD.encode(), REALM.encode()) and b"\0" not in service
