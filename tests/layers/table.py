"""Reads the floors from ARCHITECTURE.md, where they are written once, for people and for this test.

A row counts if its first column is a number, the floor; the names are the words in backticks of the second column.
Under the heading `## Crates` they are crates, under "### `crate`" they are the files of that crate, without `.rs`.
"""

import re

NAME = re.compile(r"`([^`]+)`")
ROW = re.compile(r"\|\s*(\d+)\s*\|([^|]*)\|")


class TableError(Exception):
    """ARCHITECTURE.md does not say what it must."""


def read(text):
    """(floor of each crate, {crate: floor of each file})."""
    crates, files, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("#"):
            current = floors_under(line, crates, files)
        elif (row := ROW.match(line)) and current is not None:
            add(current, int(row[1]), row[2])
    if not crates:
        raise TableError("ARCHITECTURE.md has no table of floors under `## Crates`")
    return crates, files


def floors_under(heading, crates, files):
    if heading.strip() == "## Crates":
        return crates
    name = re.fullmatch(r"### `([\w-]+)`", heading.strip())
    return files.setdefault(name[1], {}) if name else None


def add(floors, floor, cell):
    for name in (expanded for word in NAME.findall(cell) for expanded in expand(word)):
        if name in floors:
            raise TableError(f"ARCHITECTURE.md gives `{name}` two floors")
        floors[name] = floor


def expand(word):
    """`a/{b,c}` is `a/b` and `a/c`."""
    found = re.fullmatch(r"([^{]*)\{([^}]*)\}(.*)", word)
    return [found[1] + part.strip() + found[3] for part in found[2].split(",")] if found else [word]
