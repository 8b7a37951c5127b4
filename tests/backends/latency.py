"""Whether there is such a user must not show: unknown ones and wrong passwords, interleaved at random, take as long.

How far two sets of times can be told apart is the area under the ROC curve: 0.5 where nothing tells, 1 where each does.
"""
import base64
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import tally
import world
from daemon import Daemon

BOUND = .05
SHADOW = 2_000        # of each
ORIGINAL = 300
# Argon2id takes 40 ms: fewer, and on two cores. By chance alone so many are beyond the bound once in 10,000 runs.
SASLDB, AT_ONCE = 1_000, 2
SCRAM = 4_000         # some 70 µs each


def run(there):
    with Daemon(there, "latency-shadow", "-a", "shadow", "-n", "1", "--no-throttle") as daemon:
        ours = judged("shadow", *tries(daemon, SHADOW, "sha512", ""))
    with Daemon(there, "latency-original", "-a", "shadow", "-n", "1", program=there.original) as daemon:
        original = area(*by_user(tries(daemon, ORIGINAL, "sha512", "")[0]))
    tally.tell(f"told by the time, unknown users and wrong passwords: shadow {ours:.3f}, the original {original:.3f}")
    there.add_user(database := there.root / "latency-sasldb", "ann")
    with Daemon(there, "latency-own", "-a", "sasldb", "-O", database, "-n", str(AT_ONCE), "--no-throttle") as daemon:
        ours = judged("sasldb", *tries(daemon, SASLDB, "ann", "example.org", AT_ONCE))
    tally.tell(f"the same, sasldb {ours:.3f}")
    listen = there.root / "latency-auth"
    with Daemon(there, "latency-exchanges", "-a", "sasldb", "-O", database, "--listen", f"dovecot:{listen}"):
        told = area(*by_user(challenges(listen, SCRAM, "ann")))
    tally.holds("SCRAM: the time to a challenge does not tell whether there is such a user", abs(told - .5) <= BOUND, told)
    tally.tell(f"the same, challenges of SCRAM {told:.3f}")


def challenges(path, each, known):
    """How long so many challenges of each user take, on one connection of a mail server."""
    users = [known, "nobody-here"] * each
    random.shuffle(users)
    with socket.socket(socket.AF_UNIX) as mail_server, mail_server.makefile("rwb") as lines:
        mail_server.connect(str(path))
        lines.write(b"VERSION\t1\t2\nCPID\t1\n")
        lines.flush()
        while not lines.readline().startswith(b"DONE"):
            pass
        # First of all somebody who is there: until then, the daemon knows nobody to look up in the place of others.
        return [(user == known, challenged(lines, number, user)) for number, user in enumerate([known, *users])][1:]


def challenged(lines, number, user):
    initial = base64.b64encode(f"n,,n={user}@example.org,r=abcdefghijklmnop".encode()).decode()
    begin = time.perf_counter()
    lines.write(f"AUTH\t{number}\tSCRAM-SHA-256\tservice=smtp\tresp={initial}\n".encode())
    lines.flush()
    challenge = lines.readline()
    took = time.perf_counter() - begin
    assert challenge.startswith(b"CONT"), challenge
    lines.write(f"CANCEL\t{number}\n".encode())
    return took


def tries(daemon, each, known, realm, clients=1):
    """So many of each user, and the replies that there were. The first few are left out: processes start."""
    logins = [known, "nobody-here"] * each
    random.shuffle(logins)
    seen = []

    def try_all(logins):
        for login in logins:
            answer, took = daemon.ask(login, world.WRONG, realm=realm)
            seen.append((login == known, answer, took))

    for login in (known, "nobody-here") * 5:
        daemon.ask(login, world.WRONG, realm=realm)
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(try_all, (logins[first::clients] for first in range(clients))))
    return [(is_known, took) for is_known, _, took in seen], {answer for _, answer, _ in seen}


def judged(name, took, answers):
    told = area(*by_user(took))
    tally.holds(f"{name}: the time does not tell whether there is such a user", abs(told - .5) <= BOUND, told)
    tally.holds(f"{name}: nor does the reply", len(answers) == 1 and answers.pop()[:2] == "NO", answers)
    return told


def by_user(took):
    return [seconds for is_known, seconds in took if is_known], [seconds for is_known, seconds in took if not is_known]


def area(some, others):
    """How often one of `some` is greater than one of `others`, of all the pairs; equal ones are half."""
    ranked = sorted([(value, True) for value in some] + [(value, False) for value in others])
    ranks, at = 0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        ranks += (at + 1 + end) / 2 * sum(is_some for _, is_some in ranked[at:end])
        at = end
    return (ranks - len(some) * (len(some) + 1) / 2) / (len(some) * len(others))
