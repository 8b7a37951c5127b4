"""What may stand in a case in place of a value: {"$prefix": "NO"}, {"$any": [...]} and so on.

Several in one object must all hold. `$any` is in compare.py, for it compares in turn.
"""
import hashlib
import re

from .quoting import quote
from .records import listing_fault, records_fault


def is_message(program, text):
    """Whether the first line begins with the program's name, or path, and goes on."""
    line = text.split("\n")[0]
    return any(line.startswith(name) and len(line) > len(name) + 2 for name in (program, place(program)))


def place(program):
    """What stands in a captured text for the path of a program."""
    return "{%s}" % program.upper()


def is_failure(status):
    """Whether an exit status is one that a program chose, and not 0."""
    return isinstance(status, int) and (0 < status < 128 or status == 255)


def no_looser(limit, mode):
    """Whether a file mode lets its owner read and write, and nobody do more than `limit`."""
    return int(mode, 8) & ~int(limit, 8) & 0o666 == 0 and int(mode, 8) & 0o600 == 0o600


def of_text(test):
    return lambda want, got: isinstance(got, str) and test(want, got)


TESTS = {
    "$anything": lambda want, got: True,
    "$nonzero": lambda want, got: is_failure(got),
    "$contains": of_text(lambda want, got: all(word in got or place(word) in got for word in want)),
    "$lacks": of_text(lambda want, got: not any(word in got for word in want)),
    "$prefix": of_text(lambda want, got: got.startswith(want)),
    "$regex": of_text(lambda want, got: re.fullmatch(want, got, re.S)),
    "$message": of_text(is_message),
    "$sha256": of_text(lambda want, got: hashlib.sha256(got.encode()).hexdigest() == want),
    "$mode": of_text(no_looser),
}
EXPLAINED = {"$listing": listing_fault, "$records": records_fault}  # these say themselves what is wrong


def is_matcher(want):
    return isinstance(want, dict) and any(key.startswith("$") for key in want)


def matcher_fault(name, want, got):
    if name in EXPLAINED:
        return "got nothing" if got is None else EXPLAINED[name](want, got)
    if not TESTS[name](want, got):
        return f"want {quote({name: want})} got {quote(got)}"
