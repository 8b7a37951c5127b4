"""kill -9 of helpers while they are busy, and of the process that serves: it is whole again within a second."""
import time
from concurrent.futures import ThreadPoolExecutor

import processes
import tally
import world
from clients import TIM
from daemon import NO, OK, within
from ground import OURS, THEIRS

POOL = 5
WHOLE_WITHIN = 1.0
PATIENCE = 3


def run(there):
    lost, left = workers_of_theirs(there)
    theirs = f"{POOL - left} of {POOL} processes lost for good after {lost} kills"
    pam(there, theirs)
    shadow(there)
    serving(there, theirs)


def pam(there, theirs):
    """Each of the helpers has a request that would never end."""
    with (there.daemon(OURS, "killed-pam", "-a", "pam", "-n", str(POOL)) as daemon,
          ThreadPoolExecutor(2 * POOL) as pool):
        latest, unanswered = 0, []
        for _ in range(there.plan.kills):
            hanging = [pool.submit(daemon.ask, "hang", service="faults") for _ in range(POOL)]
            tally.holds("killed: all helpers are busy", within(5, lambda: len(helpers(daemon)) == POOL))
            time.sleep(.1)
            began = kill(helpers(daemon))
            unanswered += [answer for one in hanging if (answer := one.result()[0])[:2] != NO]
            good = set(pool.map(lambda _: daemon.verdict("anybody", service="permit"), range(2 * POOL)))
            latest = max(latest, time.monotonic() - began)
            tally.holds("killed: everybody is let in again", good == {OK}, daemon.log()[-2000:])
            tally.holds("killed: who is dead is waited for", within(WHOLE_WITHIN, lambda: not daemon.zombies()))
        is_so = not unanswered and latest <= WHOLE_WITHIN and len(helpers(daemon)) <= POOL
        tally.judge(f"{POOL} busy helpers of pam killed, {there.plan.kills} times: answered, and whole within a second",
                    is_so, f"{len(unanswered)} not answered, whole after {latest * 1000:.0f} ms at most", theirs)


def shadow(there):
    with there.daemon(OURS, "killed-shadow", "-a", "shadow", "-n", "2") as daemon, ThreadPoolExecutor(4) as pool:
        answers = []
        for _ in range(2 * there.plan.kills):
            asked = [pool.submit(daemon.verdict, "yescrypt") for _ in range(4)]
            within(5, lambda: helpers(daemon))
            kill(busy := helpers(daemon))
            answers += [one.result() for one in asked]
            within(1, lambda: not set(busy) & set(helpers(daemon)))
            tally.holds("killed: shadow is asked again", daemon.verdict("yescrypt") == OK, daemon.log()[-2000:])
        is_so = set(answers) <= {OK, NO} and within(WHOLE_WITHIN, lambda: not daemon.zombies())
        tally.judge("helpers of shadow killed under load: everybody is answered", is_so,
                    f"{answers.count(OK)} OK, {answers.count(NO)} NO, of {len(answers)}",
                    "has none: a worker that is killed is lost")


def serving(there, theirs):
    with there.sasldb(OURS, "killed-serving") as daemon:
        took, is_same = [], True
        for _ in range(there.plan.kills if processes.MAIN in processes.roles(daemon).values() else 1):
            time.sleep(1)  # it is started once a second at most
            began = kill([processes.serving(daemon)])
            is_back = within(3, lambda: daemon.verdict(**TIM, patience=1) == OK)
            took.append(time.monotonic() - began if is_back else None)
            is_same = is_same and daemon.process.poll() is None
        is_so = is_same and None not in took and max(took) <= WHOLE_WITHIN
        tally.judge("the process that serves is killed: another serves within a second", is_so,
                    " ".join("never" if one is None else f"{one * 1000:.0f} ms" for one in took), theirs)


def workers_of_theirs(there):
    """All but its master, which is a worker itself."""
    with there.sasldb(THEIRS, "killed", "-n", str(POOL)) as daemon:
        within(5, lambda: len(daemon.helpers()) == POOL - 1)
        lost = kill_each(daemon.helpers())
        time.sleep(1.5)
        left = 1 + len(daemon.helpers()) - len(daemon.zombies())
        return lost, left


def kill_each(pids):
    kill(pids)
    return len(pids)


def kill(pids):
    began = time.monotonic()
    for pid in pids:
        world.end(pid)
    return began


def helpers(daemon):
    return [pid for pid, role in processes.roles(daemon).items() if role == processes.HELPER
            and pid not in daemon.zombies()]
