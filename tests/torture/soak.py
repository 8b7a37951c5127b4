"""A day's mixture of requests, one after the other: no answer is wrong or missing, and nothing grows."""
import socket
import time

import processes
import tally
from clients import GOOD, TIM, said
from daemon import NO, OK
from ground import BOTH, OURS, THEIRS

MOST_GROWTH = 256  # kB, over the second half


def run(there):
    seen = {who: soaked(there, who) for who in BOTH}
    wrong, growth, files, _ = seen[OURS]
    tally.judge(f"{there.plan.soak:,} mixed requests: no answer is wrong or missing, at most {MOST_GROWTH} kB more",
                not wrong and growth <= MOST_GROWTH and files <= 0, told(*seen[OURS]), told(*seen[THEIRS]))


def told(wrong, growth, files, rate):
    return f"{len(wrong)} wrong {wrong[:3] or ''}, {growth:+} kB, {files:+} files, {rate:,.0f} requests a second"


def soaked(there, who):
    with there.sasldb(who, "soak", "-n", "5") as daemon:
        half = there.plan.soak // 2
        wrong, began = mix(daemon, half), time.monotonic()
        before = sizes(daemon)
        wrong += mix(daemon, half)
        rate = half / (time.monotonic() - began)
        memory, files = (after - before for after, before in zip(sizes(daemon), before))
        return wrong, memory, files, rate


def sizes(daemon):
    """When those who have just left are seen off."""
    time.sleep(.2)
    family = processes.family(daemon.process.pid)
    return processes.own_memory(family), sum(map(processes.open_files, family))


def mix(daemon, count):
    """What was answered wrong."""
    wrong = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        answer, wanted = kind(daemon, number)
        if answer != wanted:
            wrong.append((kind.__name__, answer))
    return wrong


def right(daemon, _):
    return daemon.verdict(**TIM), OK


def wrong_password(daemon, number):
    return daemon.verdict(**TIM, password=f"wrong-{number}"), NO


def unknown(daemon, number):
    return daemon.verdict(f"nobody-{number}", realm="example.org"), NO


def other_realm(daemon, number):
    return daemon.verdict("tim", realm=f"realm-{number}"), NO


def cut(daemon, number):
    """It is closed, or told NO."""
    answer = said(daemon, GOOD[:number % len(GOOD)])
    return answer is not None and answer[2:4] in (b"", NO.encode()), True


def gone(daemon, number):
    """Asks, and does not wait for the answer."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(daemon.run / "mux"))
        s.send(GOOD[:len(GOOD) - number % 2])
    return None, None


# Of a hundred, three take as long as the hash of a password does.
KINDS = (right, cut, right, gone) * 24 + (right, unknown, wrong_password, other_realm)
