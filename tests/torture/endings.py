"""Told to end, or to read its files anew, with requests in flight: none is lost."""
import signal
import time

import tally
import world
from clients import Crowd, Load
from daemon import OK, request
from ground import BOTH, OURS, THEIRS

IN_FLIGHT = 20
HANG_UPS, PAUSE = 20, .1


def run(there):
    lost = {who: sum(ended(there, who, number) for number in range(there.plan.rounds)) for who in BOTH}
    of = IN_FLIGHT * there.plan.rounds
    tally.judge("TERM: what is in flight is answered", lost[OURS] == 0, f"{lost[OURS]} of {of} lost",
                f"{lost[THEIRS]} of {of} lost")
    loads = {who: hung_up(there, who) for who in BOTH}
    tally.judge(f"HUP, {HANG_UPS} times under load: nothing is lost", not loads[OURS].lost, *map(told, loads.values()))


def ended(there, who, number):
    """How many of the requests were lost, each of which takes 0.3 s."""
    asked = request("slow", world.PASSWORD, "faults", "")
    with (there.daemon(who, f"ended-{number}", "-a", "pam", "-n", "5") as daemon,
          Crowd(daemon, IN_FLIGHT, asked) as crowd):
        time.sleep(.15)
        daemon.process.terminate()
        return IN_FLIGHT - sum((answer or b"")[2:] == OK.encode() for answer in crowd.answers())


def hung_up(there, who):
    with there.sasldb(who, "hung-up", "-n", "5") as daemon, Load(daemon) as load:
        for _ in range(HANG_UPS):
            daemon.process.send_signal(signal.SIGHUP)
            time.sleep(PAUSE)
    return load


def told(load):
    return f"{len(load.lost)} of {load.count:,} lost {sorted(set(load.lost)) or ''}"
