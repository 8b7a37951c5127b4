"""Instructions, counted by callgrind. There is no noise in them."""

import re

COMMAND = ["valgrind", "--tool=callgrind", "--quiet"]


def total(profile):
    """All that were counted in one profile."""
    found = re.search(r"^totals: (\d+)", profile.read_text(), re.M)
    if not found:
        raise RuntimeError("callgrind left no whole profile")
    return int(found[1])
