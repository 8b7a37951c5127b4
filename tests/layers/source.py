"""Reads a Rust file just closely enough to know which modules it names.

A path counts as an import wherever it stands: in a `use` or in the middle of an expression. `mod name;` declares a
module and imports nothing. Comments, strings and everything under `#[cfg(test)]` do not count.
"""

import re
from dataclasses import dataclass, field

NOISE = re.compile(
    r"""(?P<comment>//[^\n]*)
      | (?P<block>/\*)
      | (?P<raw>\b(?:b|c)?r(?P<hashes>\#*)".*?"(?P=hashes))
      | (?P<string>\b[bc]?"(?:\\.|[^"\\])*" | "(?:\\.|[^"\\])*")
      | (?P<char>b?'(?:\\(?:x..|u\{[^}]*\}|.)|[^'\\\n])')""",
    re.VERBOSE | re.DOTALL,
)
TEST_ONLY = re.compile(r"#\s*\[\s*cfg\s*\(\s*(?:all\s*\(\s*)?test\b[^\]]*\]")
TEST_FILE = re.compile(TEST_ONLY.pattern + r"[^;{]*\bmod\s+(\w+)\s*;")
USE = re.compile(r"\buse\s+([^;]+);")
INLINE_MODULE = re.compile(r"\bmod\s+(\w+)\s*\{")
PATH = re.compile(r"(?<![\w:])\w+(?:\s*::\s*\w+)+")


@dataclass
class Source:
    """One file: its lines without tests, the modules it declares for tests, and the paths it names.

    A path is (inline modules around it, segments).
    """

    lines: int
    test_files: list
    paths: list = field(default_factory=list)
    aliases: dict = field(default_factory=dict)


def read(text):
    """The `Source` of a file's text."""
    whole = without_noise(text)
    code = without_tests(whole)
    source = Source(lines=len(code.splitlines()), test_files=TEST_FILE.findall(whole))
    collect(code, (), source)
    return source


def without_noise(text):
    """The text with comments, strings and character literals blanked; line breaks inside them stay."""
    out, at = [], 0
    while found := NOISE.search(text, at):
        end = end_of_block_comment(text, found.start()) if found["block"] else found.end()
        out += [text[at : found.start()], " ", "\n" * text.count("\n", found.start(), end)]
        at = end
    return "".join(out) + text[at:]


def end_of_block_comment(text, at):
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def without_tests(code):
    while found := TEST_ONLY.search(code):
        code = code[: found.start()] + code[end_of_item(code, found.end()) :]
    return code


def end_of_item(code, at):
    """Where the item that begins at `at` ends: behind its `;`, or behind the bracket that closes its body."""
    depth = 0
    for at in range(at, len(code)):
        depth += {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(code[at], 0)
        if depth == 0 and code[at] in ";}":
            return at + 1
    return len(code)


def collect(code, inside, source):
    """Adds what `code` names; `inside` is the list of inline modules around it."""
    while found := INLINE_MODULE.search(code):
        end = end_of_item(code, found.end() - 1)
        collect(code[found.end() : end - 1], (*inside, found[1]), source)
        code = code[: found.start()] + code[end:]
    for tree in USE.findall(code):
        for segments, name in leaves(tree):
            source.paths.append((inside, segments))
            source.aliases.setdefault(name, (inside, segments))
    for path in PATH.findall(USE.sub("", code)):
        source.paths.append((inside, tuple(re.split(r"\s*::\s*", path))))


def leaves(tree, before=()):
    """Each path of a `use` tree and the name that it is known by: `a::{b, c as d}` is (a::b, b) and (a::c, d)."""
    head, brace, rest = tree.partition("{")
    segments = before + tuple(part.strip() for part in head.split("::") if part.strip())
    if brace:
        for branch in branches(rest.rpartition("}")[0]):
            yield from leaves(branch, segments)
    elif segments:
        *path, last = segments
        last, _, alias = (part.strip() for part in last.partition(" as "))
        path = tuple(path) if last == "self" and path else (*path, last)
        yield path, alias or path[-1]


def branches(text):
    """Splits `a, b::{c, d}` at its outer commas."""
    depth, start = 0, 0
    for at, char in enumerate(text + ","):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            if branch := text[start:at].strip():
                yield branch
            start = at + 1
