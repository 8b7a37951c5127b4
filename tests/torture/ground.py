"""The world of the back ends' tests, and in it the original with a database of its own: /etc is private here."""
import subprocess

import world
from daemon import Daemon

OURS, THEIRS = "ours", "original"
BOTH = (OURS, THEIRS)
REALM = "example.org"
ORIGINALS = {name: f"/usr/sbin/{name}" for name in ("saslauthd", "saslpasswd2", "sasldblistusers2")}


class Ground(world.World):
    def __init__(self, root, plan):
        super().__init__(root)
        self.plan = plan
        self.add_user_of_theirs("tim")
        # Every client here is root, and most of them are wrong most of the time.
        self.calm = ("--no-throttle",) if self.has_flag("--no-throttle") else ()
        # No user is made for a test.
        self.as_user = ("--user", "nobody") if self.has_flag("--user") else ()

    def add_user_of_theirs(self, name, password=world.PASSWORD, database="/etc/sasldb2"):
        subprocess.run([ORIGINALS["saslpasswd2"], "-p", "-c", "-f", database, "-u", REALM, name],
                       input=password, text=True, check=True)

    def has_flag(self, flag):
        return f"{flag} " in subprocess.run([self.ours, "--help"], capture_output=True, text=True).stdout

    def daemon(self, who, name, *words, throttled=False, **more):
        """A daemon of either, in a run directory of that name."""
        if who == THEIRS:
            return Daemon(self, f"original-{name}", *words, program=self.original, **more)
        return Daemon(self, name, *words, *self.as_user, *(() if throttled else self.calm), **more)

    def sasldb(self, who, name, *words, database=None, **more):
        """One with tim in its database. The original has but one place for its own."""
        option = () if who == THEIRS else ("-O", database or self.database)
        return self.daemon(who, name, "-a", "sasldb", *option, *words, **more)

    def tool(self, who, name):
        return ORIGINALS[name] if who == THEIRS else self.bin / name
