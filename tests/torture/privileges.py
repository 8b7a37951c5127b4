"""What each process may do."""
import processes
import tally
import world
from clients import TIM
from ground import OURS, THEIRS

NONE, WHO = "0" * 16, str(world.ID)
# What is so of a process by its status. Main runs as root, and no byte of a client reaches it.
EXPECTED = {
    processes.MAIN: {"NoNewPrivs": {"0", "1"}},
    processes.SERVING: {"Uid": {WHO}, "CapEff": {NONE}, "CapPrm": {NONE}, "NoNewPrivs": {"1"}, "Seccomp": {"2"}},
    processes.HELPER: {"NoNewPrivs": {"0", "1"}},
}
SHOWN = ("Uid", "CapEff", "NoNewPrivs", "Seccomp")


def run(there):
    theirs = of_theirs(there)
    with there.daemon(OURS, "privileges", "-a", "sasldb,pam", "-O", f"sasldb={there.database}") as daemon:
        daemon.verdict(**TIM)
        daemon.verdict("anybody", service="permit")
        roles = processes.roles(daemon)
        tally.judge("a process that serves is there, and another one that keeps the privileges",
                    processes.MAIN in roles.values(), " ".join(sorted(roles.values())), theirs)
        for pid, role in roles.items():
            status = processes.status(pid)
            odd = [name for name, values in EXPECTED[role].items() if not set(status[name]) <= values]
            tally.judge(f"privileges of {role}", not odd, shown(status), theirs)
        serving = processes.status(processes.serving(daemon))
        tally.judge("the process that serves has no group of root", "0" not in serving["Gid"] + serving["Groups"],
                    " ".join(serving["Gid"] + serving["Groups"]), theirs)


def of_theirs(there):
    with there.sasldb(THEIRS, "privileges", "-n", "5") as daemon:
        each = [processes.status(pid) for pid in processes.family(daemon.process.pid)]
        return f"{len(each)} processes, each {shown(each[0])}"


def shown(status):
    return " ".join(f"{name} {status[name][0]}" for name in SHOWN)
