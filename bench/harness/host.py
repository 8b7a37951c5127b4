"""A saslauthd that asks this host: users in passwd and shadow, and services of PAM, in a mount namespace of its own."""

import ctypes
from pathlib import Path

from .users import everyone

# Nothing of it goes into this machine's log.
IN_ITS_OWN_ETC = """
for name in passwd shadow pam.d; do mount --bind "$0/$name" /etc/$name || exit 1; done
[ ! -e /dev/log ] || mount --bind /dev/null /dev/log
exec "$@"
"""
SERVICES = {
    name: f"auth required {module}.so\naccount required {module}.so\n"
    for name, module in [("permit", "pam_permit"), ("unix", "pam_unix")]
}
SHA512, YESCRYPT = b"$6$", b"$y$"  # with the costs that libcrypt takes by default


class Host:
    """Either of the two programs."""

    def __init__(self, saslauthd, users, kind):
        self.saslauthd, self.users, self.kind = saslauthd, users, kind

    def database(self, directory):
        """What is mounted over /etc. The first user's hash is in `hash` as well."""
        etc = Path(directory) / f"etc-{self.kind.decode().strip('$')}"
        if not etc.exists():
            (etc / "pam.d").mkdir(parents=True)
            hashes = {name: crypt(password, self.kind) for name, password in everyone(self.users)}
            accounts = "".join(f"{name}:x:{10_000 + number}:100::/:/bin/false\n" for number, name in enumerate(hashes))
            (etc / "passwd").write_text(Path("/etc/passwd").read_text() + accounts)
            (etc / "shadow").write_text("".join(f"{name}:{hash}:20000:0:99999:7:::\n" for name, hash in hashes.items()))
            (etc / "hash").write_text(next(iter(hashes.values())))
            for name, text in SERVICES.items():
                (etc / "pam.d" / name).write_text(text)
        return etc

    def command(self, database, directory, options, under=()):
        saslauthd = [*under, self.saslauthd, "-m", directory, *options]
        return ["unshare", "--mount", "sh", "-c", IN_ITS_OWN_ETC, database, *saslauthd]


def crypt(password, kind):
    """By libcrypt, under a new setting."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = library.crypt_gensalt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), library.crypt_gensalt(kind, ctypes.c_ulong(0), None, 0)).decode()
