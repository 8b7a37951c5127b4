"""The world of the back ends' tests, and in it the original with databases of its own."""
import subprocess

import world
from daemon import Daemon

OURS, THEIRS = "ours", "original"
BOTH = (OURS, THEIRS)
REALM = "example.org"
# The original opens /etc/sasldb2 and nothing else. In a mount namespace of its own, that is whichever it is to have.
IN_ITS_OWN_PLACE = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/sasldb2 && exec "$@"')
ORIGINALS = {name: f"/usr/sbin/{name}" for name in ("saslauthd", "saslpasswd2", "sasldblistusers2")}


class Ground(world.World):
    def __init__(self, root, plan):
        super().__init__(root)
        self.plan = plan
        self.databases = {OURS: self.database, THEIRS: root / "original-sasldb"}
        self.add_password(THEIRS, self.databases[THEIRS], "tim")
        (root / "etc/sasldb2").touch()

    def add_password(self, who, database, name, password=world.PASSWORD, options=()):
        subprocess.run([self.tool(who, "saslpasswd2"), "-p", "-c", "-f", database, "-u", REALM, *options, name],
                       input=password, text=True, check=True)

    def daemon(self, who, name, *words, throttled=False, **more):
        """A daemon of either. Most clients here are one user, who is wrong most of the time."""
        if who == THEIRS:
            return Daemon(self, f"original-{name}", *words, program=self.original, **more)
        return Daemon(self, name, *words, *(() if throttled else ("--no-throttle",)), **more)

    def sasldb(self, who, name, *words, database=None, **more):
        """One with a database, in which tim is unless there is another."""
        database = database or self.databases[who]
        if who == THEIRS:
            under = *IN_ITS_OWN_PLACE, database, *more.pop("under", ())
            return self.daemon(who, name, "-a", "sasldb", *words, under=under, **more)
        return self.daemon(who, name, "-a", "sasldb", "-O", database, *words, **more)

    def tool(self, who, name):
        return ORIGINALS[name] if who == THEIRS else self.bin / name
