"""What held and what did not. A figure that is only for the reader is told."""
import pathlib
import sys
import threading
import traceback

_lock = threading.Lock()
_count = {True: 0, False: 0}
SUITE = pathlib.Path(sys.argv[0]).parent.name


def holds(what, is_so, seen=None):
    """Counts a check, and says of one that failed what was `seen`."""
    with _lock:
        _count[bool(is_so)] += 1
        if not is_so:
            print(f"{SUITE}: {what}" + ("" if seen is None else f": {seen}"), file=sys.stderr, flush=True)


def judge(what, is_so, ours, theirs):
    """Counts a check, and shows its figures: ours, which it judges, and the original's beside them."""
    with _lock:
        _count[bool(is_so)] += 1
        verdict = "PASS" if is_so else "FAIL"
        print(f"{verdict}  {what}\n        ours: {ours}\n        the original: {theirs}", flush=True)


def tell(text):
    with _lock:
        print(f"  {text}", flush=True)


def finishes(name, future):
    """A part that breaks has failed."""
    if error := future.exception():
        holds(f"{name} runs to its end", False, "".join(traceback.format_exception(error)))


def end():
    """Gives the exit status."""
    print(f"{_count[True]} passed, {_count[False]} failed")
    return 0 if _count[True] and not _count[False] else 1
