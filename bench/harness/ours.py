"""Our saslauthd, and its database."""

import os
import subprocess

from .serving import Serving
from .users import REALM, everyone

# A small database is made as an administrator makes it, with every verifier that saslpasswd2 derives by default. In a
# large one each user has the cheapest verifier alone: argon2id for 100,000 users would take half an hour, and what is
# measured is logins whose password was verified before.
MOST_USERS_BY_DEFAULT = 1_000
CHEAPEST = ["--verifiers", "cram-md5"]


class Ours:
    unthrottled = ("--no-throttle",)  # what it takes to send wrong passwords in masses

    def __init__(self, programs):
        self.saslauthd = programs / "saslauthd"
        self.saslpasswd2 = programs / "saslpasswd2"

    def database(self, directory, users):
        path, lines = directory / f"ours-{users}", directory / "users"
        with open(lines, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.writelines(f"{name}@{REALM}:{password}\n" for name, password in everyone(users))
        verifiers = [] if users <= MOST_USERS_BY_DEFAULT else CHEAPEST
        subprocess.run([self.saslpasswd2, "-f", path, "--import", lines, *verifiers], check=True)
        lines.unlink()
        return path

    def command(self, database, directory, options, under=()):
        return [*under, self.saslauthd, "-a", "sasldb", "-O", database, "-m", directory, *options]

    def serving(self, database, directory, options, under=()):
        """What the main process starts."""
        return [*under, self.saslauthd, "--serve", "-f", "-a", "sasldb", "-O", database, "-m", directory, *options]

    def watched(self, *what):
        return Serving(self, *what)
