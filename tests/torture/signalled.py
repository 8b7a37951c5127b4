"""Signals that are none of its business, to each of its processes under load: nothing is lost."""
import contextlib
import os
import signal
import time

import processes
import tally
from clients import TIM, Load
from daemon import OK
from ground import BOTH

SIGNALS = (signal.SIGCHLD, signal.SIGPIPE, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGSTOP)
PAUSE = .02


def run(there):
    for number in SIGNALS:
        ours, theirs = (disturbed(there, who, number) for who in BOTH)
        name = "STOP and CONT" if number == signal.SIGSTOP else number.name[3:]
        load, is_there = ours
        tally.judge(f"{name}: nothing is lost", not load.lost and is_there, told(*ours), told(*theirs))


def told(load, is_there):
    return f"{len(load.lost)} of {load.count:,} lost" + ("" if is_there else ", and it is gone")


def disturbed(there, who, number):
    with there.sasldb(who, number.name, "-n", "5") as daemon:
        family = [pid for pid in processes.family(daemon.process.pid) if "--helper" not in processes.words(pid)]
        with Load(daemon, patience=2) as load:
            end = time.monotonic() + there.plan.disturbed
            while time.monotonic() < end:
                send(family, number)
                time.sleep(PAUSE)
                if number == signal.SIGSTOP:
                    send(family, signal.SIGCONT)
                    time.sleep(PAUSE)
        is_there = daemon.process.poll() is None and daemon.verdict(**TIM, patience=2) == OK
        return load, is_there


def send(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
