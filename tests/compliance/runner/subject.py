"""The programs under test."""
import dataclasses
import os
import shutil
import sys

PROGRAMS = ("SASLAUTHD", "TESTSASLAUTHD", "SASLPASSWD2", "SASLDBLISTUSERS2")


@dataclasses.dataclass(frozen=True)
class Subject:
    ours: bool
    programs: dict  # path of each program, under its name in the environment


def from_environment(folder):
    """The subject that the environment names; a program only root can reach is copied into `folder`."""
    kind = os.environ.get("SUBJECT", "original")
    if kind not in ("original", "ours"):
        sys.exit(f"run.py: SUBJECT={kind}: want original or ours")
    return Subject(kind == "ours", {name: reachable(program(name), folder) for name in PROGRAMS})


def program(name):
    path = find(os.environ.get(name, name.lower()))
    return os.path.abspath(path) if path else sys.exit(f"run.py: no {name.lower()}: set {name}")


def find(command):
    """Where `command` is; /usr/sbin counts also for those who do not have it in their PATH."""
    return shutil.which(command, path=os.environ.get("PATH", "") + ":/usr/sbin")


def reachable(path, folder):
    return path if open_to_all(path) else shutil.copy(path, f"{folder}/{os.path.basename(path)}")


def open_to_all(path):
    """Whether an ordinary user can enter or run it."""
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True
