"""-a ldap with OpenLDAP's slapd."""
import base64
import hashlib
import os
import subprocess

import tally
import world
from daemon import NO, OK, Daemon, Server, within

SLAPD, SLAPADD, SLAPPASSWD = (f"/usr/sbin/{name}" for name in ("slapd", "slapadd", "slappasswd"))
FIRST, SECOND = 3890, 3892  # and TLS from the start one above
CONF = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCACertificateFile {tls}/ca.pem
TLSCertificateFile {tls}/server.pem
TLSCertificateKeyFile {tls}/server.key
database mdb
suffix dc=example,dc=org
directory {folder}/data
access to attrs=userPassword by dn.exact=cn=reader,dc=example,dc=org read by anonymous auth by * none
access to * by * read
"""
BASE = """\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: cn=reader,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: readerpw

dn: cn=mail,dc=example,dc=org
objectClass: groupOfNames
cn: mail
member: uid=clear,dc=example,dc=org
"""
ANYWHERE = "ldap_search_base: dc=example,dc=org\n"
READER = "ldap_bind_dn: cn=reader,dc=example,dc=org\nldap_bind_pw: readerpw\n"


def run(there):
    users = passwords()
    first, second = (Slapd(there, port, users) for port in (FIRST, SECOND))
    with first:
        ways_to_log_in(there, users)
        groups(there)
        tls(there)
        with second:
            fail_over(there, first, second)


def passwords():
    """How the one password is stored, by user."""
    users = {"clear": world.PASSWORD, "sha512": "{CRYPT}" + world.crypt(world.PASSWORD, world.SHA512),
             "yescrypt": "{CRYPT}" + world.crypt(world.PASSWORD, world.YESCRYPT), "pbkdf2": pbkdf2()}
    made = subprocess.run([SLAPPASSWD, "-o", "module-path=/usr/lib/ldap", "-o", "module-load=argon2", "-h", "{ARGON2}",
                           "-s", world.PASSWORD], capture_output=True, text=True)
    if made.returncode == 0:
        users["argon2"] = made.stdout.strip()
    else:
        tally.tell("ldap: slapd has no {ARGON2} here")
    return users


def pbkdf2():
    """As OpenLDAP's pw-pbkdf2 stores it: base64 with a dot for the plus, and without its end."""
    salt, rounds = b"0123456789abcdef", 10_000
    text = (base64.b64encode(data).decode().replace("+", ".").rstrip("=")
            for data in (salt, hashlib.pbkdf2_hmac("sha256", world.PASSWORD.encode(), salt, rounds)))
    return "{PBKDF2-SHA256}" + "$".join([str(rounds), *text])


class Slapd(Server):
    def __init__(self, there, port, users):
        folder = there.folder(f"slapd-{port}")
        (folder / "data").mkdir()
        conf = there.write(f"slapd-{port}/conf", CONF.format(folder=folder, tls=there.certificates))
        entries = there.write(f"slapd-{port}/ldif", "\n".join([BASE, *(entry(*user) for user in users.items())]))
        subprocess.run([SLAPADD, "-f", conf, "-l", entries], check=True, capture_output=True)
        addresses = f"ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{port + 1}/"
        super().__init__(there, [SLAPD, "-f", conf, "-h", addresses, "-d", "0"], port)


def entry(name, password):
    classes = "objectClass: account\nobjectClass: simpleSecurityObject"
    return f"dn: uid={name},dc=example,dc=org\n{classes}\nuid: {name}\nuserPassword: {password}\n"


def ldap(there, name, text, uri=f"ldap://127.0.0.1:{FIRST}/", program=None):
    conf = there.write(f"{name}.conf", f"ldap_servers: {uri}\n{ANYWHERE}{text}")
    return Daemon(there, name, "-a", "ldap", "-O", conf, program=program)


def judged(daemon, users, others=()):
    """Each of the users by the right password alone; the others by none."""
    for user in users:
        tally.holds(f"{daemon.name}: {user}", daemon.verdict(user) == OK, daemon.log())
        tally.holds(f"{daemon.name}: {user}, wrong password", daemon.verdict(user, world.WRONG) == NO)
    for user in [*others, "nobody"]:
        tally.holds(f"{daemon.name}: {user} may not", daemon.verdict(user) == NO)


def ways_to_log_in(there, users):
    by_slapd = [name for name in users if name not in ("argon2", "pbkdf2")]  # it has not loaded what knows them
    with ldap(there, "ldap-bind", "") as daemon:
        judged(daemon, by_slapd)
    with ldap(there, "ldap-fastbind", "ldap_auth_method: fastbind\nldap_filter: uid=%u,dc=example,dc=org\n") as daemon:
        judged(daemon, by_slapd)
    custom = f"ldap_auth_method: custom\n{READER}"
    with ldap(there, "ldap-custom", custom) as daemon:
        judged(daemon, users)
        helpers = daemon.helpers()
        tally.holds("ldap-custom: hashes of crypt(3) are for helpers", 1 <= len(helpers) <= os.cpu_count(), helpers)
    with ldap(there, "ldap-custom-original", custom, program=there.original) as daemon:
        known = [user for user in users if daemon.verdict(user) == OK]
    tally.tell(f"ldap, custom: ours knows {' '.join(users)}; the original {' '.join(known)}")


def groups(there):
    member = {"compared": "ldap_group_dn: cn=mail,dc=example,dc=org\nldap_group_attr: member\n",
              "searched": "ldap_group_match_method: filter\nldap_group_filter: (&(cn=%s)(member=%D))\n"}
    for how, text in member.items():
        with ldap(there, f"ldap-group-{how}", text) as daemon:
            logins = ("clear",), ("clear", world.WRONG), ("sha512",)
            answers = [daemon.verdict(*login, service="mail") for login in logins]
            tally.holds(f"group, {how}: a member, and the right password", answers == [OK, NO, NO], daemon.log())
    with ldap(there, "ldap-group-service", member["searched"]) as daemon:
        tally.holds("group, searched: of another service", daemon.verdict("clear", service="imap") == NO)


def tls(there):
    ours, others = (f"ldap_tls_cacert_file: {there.certificates}/{name}.pem\n" for name in ("ca", "other-ca"))
    asked, from_the_start = "ldap_start_tls: yes\n", f"ldaps://127.0.0.1:{FIRST + 1}/"
    with ldap(there, "ldap-starttls", asked + ours) as daemon:
        judged(daemon, ["clear"])
    with ldap(there, "ldaps", ours, uri=from_the_start) as daemon:
        judged(daemon, ["clear"])
    for name, text, uri in [("ldap-starttls-other", asked + others, f"ldap://127.0.0.1:{FIRST}/"),
                            ("ldaps-other", others, from_the_start)]:
        with ldap(there, name, text, uri=uri) as daemon:
            tally.holds(f"{name}: an authority that is not trusted", daemon.verdict("clear") == NO)
            tally.holds(f"{name}: the log says why", "certificate" in daemon.log(), daemon.log())


def fail_over(there, first, second):
    """`first` is killed, then both, then one comes back; the daemon stays."""
    both = f"ldap://127.0.0.1:{FIRST}/ ldap://127.0.0.1:{SECOND}/"
    with ldap(there, "ldap-two", "ldap_timeout: 2\n", uri=both) as daemon:
        judged(daemon, ["clear"])
        first.kill()
        answer, took = daemon.ask("clear")
        tally.holds("one of two is killed: the other is asked at once", answer == OK and took < 1, (answer, took))
        judged(daemon, ["clear"])
        second.kill()
        answer, took = daemon.ask("clear")
        tally.holds("both are: NO, in time", answer[:2] == NO and took < 5, (answer, took))
        tally.holds("and the log does not take it for a wrong password", "Can't contact" in daemon.log()
                    or "refused" in daemon.log().lower(), daemon.log())
        first.start()
        tally.holds("one is back, and is asked", within(5, lambda: daemon.verdict("clear") == OK), daemon.log())
        judged(daemon, ["clear"])
        second.start()
