"""Cyrus saslauthd as Debian ships it, and its database."""

import subprocess

from .daemon import Daemon
from .users import REALM, everyone

SASLAUTHD = "/usr/sbin/saslauthd"

# It opens /etc/sasldb2 and nothing else. In a mount namespace of its own, that is the scratch database.
IN_ITS_OWN_PLACE = 'mount --bind "$0" /etc/sasldb2 && exec "$@"'

# db5.3_load's cache, with which it takes 2 s for a million users.
DB_CONFIG = "set_cachesize 0 268435456 1\n"
HEADER = "VERSION=3\nformat=print\ntype=hash\nHEADER=END\n"
FOOTER = "DATA=END\n"


class Original:
    saslauthd = SASLAUTHD
    unthrottled = ()

    def database(self, directory, users):
        """A hash file like saslpasswd2's: under user NUL realm NUL property, the password."""
        (directory / "DB_CONFIG").write_text(DB_CONFIG)
        command = ["db5.3_load", "-h", directory, f"original-{users}"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as loader:
            loader.stdin.write(HEADER)
            loader.stdin.writelines(
                f" {name}\\00{REALM}\\00userPassword\n {password}\n" for name, password in everyone(users)
            )
            loader.stdin.write(FOOTER)
        if loader.returncode:
            raise RuntimeError(f"db5.3_load failed at {users} users")
        return directory / f"original-{users}"

    def command(self, database, directory, options, under=()):
        saslauthd = [*under, self.saslauthd, "-a", "sasldb", "-m", directory, *options]
        return ["unshare", "--mount", "sh", "-c", IN_ITS_OWN_PLACE, database, *saslauthd]

    def watched(self, *what):
        return Daemon(self, *what)
