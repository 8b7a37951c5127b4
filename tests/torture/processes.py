"""What /proc says of a daemon's processes."""
import contextlib
import os
import pathlib

import world

MAIN, SERVING, HELPER = "main", "serving", "helper"


def roles(daemon):
    """Each process of a daemon of ours, and what it is. As long as there is but one, it is main and serves."""
    main = daemon.process.pid
    found = {pid: HELPER if "--helper" in words(pid) else SERVING for pid in family(main)[1:]}
    return {main: MAIN, **found} if SERVING in found.values() else {main: SERVING, **found}


def serving(daemon):
    return next(pid for pid, role in roles(daemon).items() if role == SERVING)


def family(pid):
    """It, and all that it and its children have started."""
    parents = world.parents()
    pids = [pid]
    for one in pids:
        pids += [child for child, parent in parents.items() if parent == one]
    return pids


def words(pid):
    return read(pid, "cmdline").split("\0")


def read(pid, name):
    """Nothing, where it has ended."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/{name}").read_text("latin1")
    return ""


def status(pid):
    """The fields of its status, as words."""
    lines = (line.partition(":") for line in read(pid, "status").splitlines())
    return {name: value.split() for name, _, value in lines}


def memory(pids):
    """Kilobytes, with its share of what is shared."""
    lines = (line.split() for pid in pids for line in read(pid, "smaps_rollup").splitlines())
    return sum(int(number) for name, number, *_ in lines if name == "Pss:")


def own_memory(pids):
    """Kilobytes that are theirs alone, whoever else runs the same program."""
    return sum(int(status(pid)["RssAnon"][0]) for pid in pids)


def open_files(pid):
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0


def seconds(pids):
    """Processor time so far."""
    fields = (read(pid, "stat").rpartition(")")[2].split() for pid in pids)
    return sum(int(field) for its in fields if its for field in its[11:13]) / os.sysconf("SC_CLK_TCK")
