"""Many pieces of work at a time, each in a process of its own under a guard.

The guard adopts whatever the work leaves running, and ends it with the work, at a time limit, or when the
runner itself ends.
"""
import contextlib
import json
import os
import signal

from . import namespaces

LIMIT = 90  # seconds for one piece of work


def run(items, work, scratch, jobs):
    """Calls work(item, directory) for each; yields each item with the list of problems found, as they end."""
    waiting, running = list(enumerate(items)), {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                n, item = waiting.pop(0)
                running[launch(work, item, scratch / str(n))] = item, scratch / str(n)
            guard, _ = os.wait()
            item, root = running.pop(guard)
            yield item, problems(root)
    finally:
        for guard in running:
            os.kill(guard, signal.SIGTERM)
            os.waitpid(guard, 0)


def problems(root):
    try:
        return json.loads(result_file(root).read_text())
    except FileNotFoundError:
        return [f"no result within {LIMIT} s"]


def result_file(root):
    return root.with_name(root.name + ".json")


def launch(work, item, root):
    """Gives the process id of the guard."""
    guard = os.fork()
    if guard:
        return guard
    try:
        stand_guard(work, item, root)
    finally:
        os._exit(0)


def stand_guard(work, item, root):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the runner tells, by TERM
    namespaces.end_with_parent()
    namespaces.adopt_orphans()
    worker = os.fork()
    if worker == 0:
        do(work, item, root)
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, lambda *_: os.kill(worker, signal.SIGKILL))
    signal.alarm(LIMIT)
    while os.wait()[0] != worker:
        pass
    signal.alarm(0)
    end_children()


def do(work, item, root):
    """The work itself; what it finds is left in a file for the runner."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        found = work(item, root)
    except Exception as e:
        found = [f"the runner stumbled: {e!r}"]
    result_file(root).write_text(json.dumps(found))
    os._exit(0)


def end_children():
    with contextlib.suppress(ChildProcessError):
        while True:
            for pid in children(os.getpid()):
                os.kill(pid, signal.SIGKILL)
            os.wait()


def children(parent):
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as f:
            if int(f.read().rsplit(b")", 1)[1].split()[1]) == parent:
                yield int(name)
