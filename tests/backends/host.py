"""-a pam with pam_unix and pam_exec, -a shadow, -a getpwent, and several at once."""
import tally
import world
from daemon import NO, OK, Daemon

EXEC = """\
#!/bin/sh
password=$(tr -d '\\0')
echo "$PAM_TYPE $PAM_SERVICE $PAM_USER $PAM_RHOST" >>{log}
[ "$password" = {password} ]
"""


def run(there):
    pam_unix(there)
    pam_exec(there)
    files(there)
    several(there)


def pam_unix(there):
    with Daemon(there, "pam-unix", "-a", "pam", "-n", "2") as daemon:
        for user in world.USERS:
            tally.holds(f"pam_unix: {user}", daemon.verdict(user, service="unix") == OK, daemon.log())
        refusals = [daemon.ask("sha512", world.WRONG, service="unix"), daemon.ask("nobody-here", service="unix"),
                    daemon.ask("expired", service="unix"), daemon.ask("locked", service="unix")]
        replies = {answer for answer, _ in refusals}
        tally.holds("pam_unix: one reply for all refusals", len(replies) == 1 and replies.pop()[:2] == NO, refusals)
        tally.holds("pam_unix: its delay is kept", refusals[0][1] > .9, refusals)
        tally.holds("pam: a service without a file is other's", daemon.verdict("sha512", service="nosuch") == NO)
        tally.holds("pam: a path is its last part", daemon.verdict("sha512", service="../../PERMIT") == OK)
    with Daemon(there, "pam-original", "-a", "pam", program=there.original) as daemon:
        original = [daemon.ask(user, service="unix")[0] for user in ("sha512", "nobody-here", "expired")]
    tally.tell(f"pam_unix: the original says {original} to a right login, to nobody, to an expired account")


def pam_exec(there):
    log = there.root / "exec.log"
    there.write("exec", EXEC.format(log=log, password=world.PASSWORD)).chmod(0o755)
    with Daemon(there, "pam-exec", "-a", "pam") as daemon:
        answers = [daemon.verdict("tim", service="exec", client="192.0.2.1;4711"),
                   daemon.verdict("tim", service="Exec", client="2001:db8::1;4712"),
                   daemon.verdict("ann", world.WRONG, service="exec", client=""),
                   daemon.verdict("bob", service="exec")]
        tally.holds("pam_exec: its script decides", answers == [OK, OK, NO, OK], (answers, daemon.log()))
        seen = log.read_text().splitlines()
        wanted = [f"auth exec {who}" for who in ("tim 192.0.2.1", "tim 2001:db8::1", "ann ", "bob ")]
        tally.holds("pam_exec: it sees service, user and the client's address", seen == wanted, seen)
        tally.holds("the log has the client's address too", "[client=192.0.2.1;4711]" in daemon.log(), daemon.log())


def files(there):
    with Daemon(there, "shadow", "-a", "shadow", "-n", "2") as daemon:
        for user in world.USERS:
            tally.holds(f"shadow: {user}", daemon.verdict(user) == OK, daemon.log())
            tally.holds(f"shadow: {user}, wrong", daemon.verdict(user, world.WRONG) == NO)
        refusals = {daemon.ask(user)[0] for user in ("expired", "locked", "inpasswd", "nobody-here")}
        refusals.add(daemon.ask("sha512", world.WRONG)[0])
        tally.holds("shadow: one reply for all refusals", len(refusals) == 1 and refusals.pop()[:2] == NO, refusals)
        tally.holds("shadow: never more helpers than -n", 1 <= len(daemon.helpers()) <= 2, daemon.helpers())
    with Daemon(there, "getpwent", "-a", "getpwent") as daemon:
        tally.holds("getpwent: a hash in passwd", daemon.verdict("inpasswd") == OK, daemon.log())
        for user, password in [("inpasswd", world.WRONG), ("sha512", world.PASSWORD), ("nobody-here", world.PASSWORD)]:
            tally.holds(f"getpwent: {user} may not", daemon.verdict(user, password) == NO)


def several(there):
    """The first that knows the user decides."""
    mechanisms = ("-a", "sasldb,shadow,pam", "-O", f"sasldb={there.database}")
    with Daemon(there, "several", *mechanisms) as daemon:
        tally.holds("several: sasldb", daemon.verdict("tim", realm="example.org") == OK, daemon.log())
        tally.holds("several: shadow", daemon.verdict("yescrypt", service="permit") == OK)
        tally.holds("several: shadow decides, and pam is not asked",
                    daemon.verdict("yescrypt", world.WRONG, service="permit") == NO)
        tally.holds("several: nobody but pam knows", daemon.verdict("anybody", service="permit") == OK)
        tally.holds("several: nor does pam", daemon.verdict("anybody", service="other") == NO)
    with Daemon(there, "missing", "-a", "sasldb,pam", "-O", f"sasldb={there.root}/none") as daemon:
        tally.holds("several: a first that is not there is a NO", daemon.verdict("anybody", service="permit") == NO)
