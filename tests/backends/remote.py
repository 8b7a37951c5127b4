"""-a rimap with Dovecot, and -a httpform with Python's web server behind TLS."""
import grp
import pathlib
import pwd
import subprocess
import sys

import tally
import world
from daemon import NO, OK, Daemon, Server, within

IMAP, IMAPS = 1143, 1993
DOVECOT, FORM = "/usr/sbin/dovecot", world.HERE.parent.parent / "crates/sasl-remote/tests/form.py"
USERS = {"tim@example.org": world.PASSWORD, "quote@example.org": 'pa"ss\\word', "uni@example.org": "пароль"}
CONF = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
mail_location = maildir:{folder}/mail/%u
ssl = yes
ssl_cert = <{tls}/server.pem
ssl_key = <{tls}/server.key
default_login_user = dovenull
default_internal_user = dovecot
default_internal_group = {group}
auth_mechanisms = plain
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={nobody.pw_uid} gid={nobody.pw_gid} home={folder}/mail
}}
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
WEB_USER, WEB_PASSWORD = "web", 'webpw "\\&%ü'  # the one that form.py knows


def run(there):
    with dovecot(there) as server:
        imap(there, server)
    form(there)


def dovecot(there):
    folder = there.folder("dovecot")
    (folder / "mail").mkdir()
    (folder / "mail").chmod(0o777)
    there.write("dovecot/users", "".join(f"{user}:{{PLAIN}}{password}\n" for user, password in USERS.items()))
    group, nobody = grp.getgrgid(pwd.getpwnam("dovecot").pw_gid).gr_name, pwd.getpwnam("nobody")
    text = CONF.format(folder=folder, tls=there.certificates, group=group, nobody=nobody, imap=IMAP, imaps=IMAPS)
    return Server(there, [DOVECOT, "-F", "-c", there.write("dovecot/conf", text)], IMAP)


def imap(there, server):
    trusted, other = (f"?tls_cacert_file={there.certificates}/{name}.pem" for name in ("ca", "other-ca"))
    tls, start = f"imaps://localhost:{IMAPS}", f"imap+starttls://localhost:{IMAP}"
    for name, option in [("rimap", f"127.0.0.1/{IMAP}"), ("imaps", tls + trusted), ("imap-starttls", start + trusted)]:
        with Daemon(there, name, "-a", "rimap", "-r", "-O", option) as daemon:
            for user, password in USERS.items():
                login, realm = user.split("@")
                tally.holds(f"{name}: {user}", daemon.verdict(login, password, realm=realm) == OK, daemon.log())
                tally.holds(f"{name}: {user}, wrong", daemon.verdict(login, world.WRONG, realm=realm) == NO)
            tally.holds(f"{name}: no password in the log", world.PASSWORD not in daemon.log())
            if name == "rimap":
                away_and_back(daemon, server)
    for name, option in [("imaps-other", tls + other), ("imap-starttls-other", start + other)]:
        with Daemon(there, name, "-a", "rimap", "-O", option) as daemon:
            tally.holds(f"{name}: an authority that is not trusted", daemon.verdict("tim@example.org") == NO)
            tally.holds(f"{name}: the log says why", "certificate" in daemon.log(), daemon.log())
    original = ("-a", "rimap", "-r", "-O", f"127.0.0.1/{IMAP}")
    with Daemon(there, "rimap-original", *original, program=there.original) as daemon:
        known = [user for user, password in USERS.items()
                 if daemon.verdict(user.split("@")[0], password, realm="example.org") == OK]
    tally.tell(f"rimap: ours lets in {len(USERS)} of {len(USERS)}, the original {len(known)}")


def away_and_back(daemon, server):
    server.stop()
    answer, took = daemon.ask("tim", realm="example.org")
    tally.holds("rimap: a server that is away is a NO", answer[:2] == NO and took < 5, (answer, took))
    server.start()
    back = within(5, lambda: daemon.verdict("tim", realm="example.org") == OK)
    tally.holds("rimap: it is back, and is asked", back, daemon.log())


def form(there):
    tls = there.certificates
    command = [sys.executable, FORM, tls / "server.pem", tls / "server.key"]
    web = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    there.started.add(web.pid)
    try:
        url = f"httpform_url: https://localhost:{int(web.stdout.readline())}/login\nhttpform_tls_cacert_file: {tls}/"
        json = '{"user": "%u", "pw": "%p"}\nhttpform_format: json'
        for name, data in [("form", "user=%u&pw=%p&realm=%r"), ("json", json)]:
            with httpform(there, name, f"{url}ca.pem\nhttpform_data: {data}\n") as daemon:
                tally.holds(f"httpform, {name}", daemon.verdict(WEB_USER, WEB_PASSWORD) == OK, daemon.log())
                tally.holds(f"httpform, {name}: wrong", daemon.verdict(WEB_USER, world.WRONG) == NO)
                tally.holds(f"httpform, {name}: an injection", daemon.verdict(f"{WEB_USER}&pw=x", WEB_PASSWORD) == NO)
        with httpform(there, "other", f"{url}other-ca.pem\nhttpform_data: user=%u&pw=%p\n") as daemon:
            tally.holds("httpform: an authority that is not trusted", daemon.verdict(WEB_USER, WEB_PASSWORD) == NO)
            tally.holds("httpform: the log says why", "certificate" in daemon.log(), daemon.log())
    finally:
        web.kill()
        web.wait()


def httpform(there, name, text):
    return Daemon(there, f"httpform-{name}", "-a", "httpform", "-O", there.write(f"httpform-{name}.conf", text))
