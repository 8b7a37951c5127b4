"""What can be seen of a database from outside."""
import re
import subprocess

from . import command, sandbox
from .daemon import Daemon
from .judge import logins_to_try

DEFAULT = "etc/sasldb2"  # below the scratch directory, which is where /etc is


class Store:
    """The databases of one case."""

    def __init__(self, scratch, env=None):
        self.scratch, self.env, self.daemons = scratch, env, 0

    def dumped(self, name):
        """[[user NUL realm NUL property, value], ...] of a Berkeley DB file; None if it is no such file."""
        dump = subprocess.run(["db5.3_dump", str(self.scratch.root / name)], capture_output=True, text=True)
        _, header_end, body = dump.stdout.partition("HEADER=END\n")
        if not header_end:
            return None
        items = [bytes.fromhex(line).decode("latin1") for line in body.split("\n") if line.startswith(" ")]
        return sorted(map(list, zip(map(without_salt, items[::2]), map(without_salt, items[1::2]))))

    def observed(self, case, name):
        """What the tools say of a database of any kind: is it there, its users, which logins it lets in."""
        path, tries = self.scratch.root / name, logins_to_try(case, "records:" + name)
        status, listing, _ = command.run(self.scratch, {"argv": ["{SASLDBLISTUSERS2}", "-f", str(path)]})
        answers = self.logins(name, tries) if path.exists() else ["no database"] * len(tries)
        return {"present": path.exists(), "exit": status, "listing": listing.decode("latin1"),
                "logins": {"\0".join(login): answer for login, answer in zip(tries, answers)}}

    def logins(self, name, tries):
        """What a daemon answers to each [user, realm, password] when this database is its /etc/sasldb2."""
        if not tries:
            return []
        self.daemons += 1
        run_dir = self.scratch.root / f"r{self.daemons}"
        daemon = Daemon(self.scratch, ["-a", "sasldb", "-d", "-n", "1"], run_dir, self.env, self.enter(name))
        answers = [daemon.ask(*login) for login in tries]
        daemon.stop()
        return answers

    def enter(self, name):
        if name == DEFAULT:
            return None
        path = self.scratch.root / name
        return sandbox.over_etc(sandbox.make_etc(self.scratch.root, f"etc{self.daemons}", {}), path.parent, path.name)


def without_salt(item):
    return re.sub(r"^(SCRAM-[A-Z0-9-]+\$\d+:).*", r"\1<random>", item)
