"""Names and environments that would like to be paths: nothing is opened that they say."""
import os
import subprocess

import tally
import world
from clients import REALM
from daemon import OK
from ground import BOTH, OURS

# What libraries are known to read, and what looks like ours. LD_PRELOAD and its kin are for the loader alone;
# SASL_CONF_PATH is documented, and what it names is options, never code.
VARIABLES = (
    "SASL_PATH", "SASLDB", "SASLAUTHD_CONF", "KRB5_CONFIG", "KRB5CCNAME", "LDAPCONF", "LDAPRC", "HOME", "TMPDIR",
    "OPENSSL_CONF", "OPENSSL_MODULES", "HOSTALIASES", "RESOLV_HOST_CONF", "NLSPATH", "LOCPATH", "TZ", "TZDIR",
    "GCONV_PATH", "XDG_CONFIG_HOME", "RUST_LOG", "TOKIO_WORKER_THREADS", "GETCONF_DIR", "MALLOC_TRACE",
)
NAMES = (".", "..", "a/b", "../../../trap", "/trap", "~root", "-f", "x" * 255, "%u", "a\\b")


def run(there):
    trap = there.folder("trap")
    seen = {who: opened(there, who, trap) for who in BOTH}
    tally.judge(f"{len(VARIABLES)} variables that name a directory: nothing is opened in it", not seen[OURS],
                *(f"{len(paths)} opened {' '.join(sorted(paths)[:3])}" for paths in seen.values()))
    seen = {who: named(there, who) for who in BOTH}
    odd, made = seen[OURS]
    tally.judge(f"{len(NAMES)} names that look like paths: each is a name, or refused, and no file",
                not odd and not made,
                *(f"{len(odd)} neither {odd or ''}, files {made or 'none'}" for odd, made in seen.values()))


def opened(there, who, trap):
    """Which paths of the trap the tools look at: what is not there would be read if it were."""
    store, trace = there.root / f"paths-{who}", there.root / f"paths-{who}.trace"
    environment = {**os.environ, **{name: str(trap / name) for name in VARIABLES}}
    words = {"saslpasswd2": ("-p", "-c", "-f", store, "-u", REALM, "tim"), "sasldblistusers2": ("-f", store)}
    paths = set()
    for name, its in words.items():
        command = ["strace", "-f", "-qq", "-e", "trace=%file", "-o", trace, there.tool(who, name), *its]
        subprocess.run(command, input=world.PASSWORD, env=environment, text=True, capture_output=True, check=True)
        paths |= {line.split('"')[1] for line in trace.read_text().splitlines()
                  if "execve" not in line and f'"{trap}/' in line}
    return paths


def named(there, who):
    """Names that are neither refused nor those of users who can log in, and files that came up beside the store."""
    folder = there.folder(f"named-{who}")
    store, taken = folder / "sasldb2", []
    for name in NAMES:
        command = [there.tool(who, "saslpasswd2"), "-p", "-c", "-f", store, "-u", REALM, "--", name]
        if subprocess.run(command, input=world.PASSWORD, text=True, capture_output=True).returncode == 0:
            taken.append(name)
    with there.sasldb(who, "named", database=store) as daemon:
        odd = [name for name in taken if daemon.verdict(name, realm=REALM) != OK]
    return odd, sorted(path.name for path in folder.iterdir() if not path.name.startswith("sasldb2"))
