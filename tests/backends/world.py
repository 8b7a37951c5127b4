"""Where it happens: a private /etc with users and services of PAM, a private network, certificates, a PAM module."""
import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).parent.parent / "compliance"))
from runner import namespaces, sandbox  # noqa: E402

HERE = pathlib.Path(__file__).parent
PASSWORD, WRONG = "pencil", "crayon"
SHA512, YESCRYPT = b"$6$", b"$y$"
OURS, ID = "saslauth", 2999  # whom the daemon serves as; here alone, whoever the machine has
USERS = {"sha512": SHA512, "yescrypt": YESCRYPT}
# The first service permits everybody; `faults` does what no module should, and lets in whom it does not know.
SERVICES = {
    "permit": "auth required pam_permit.so\naccount required pam_permit.so\n",
    "unix": "auth required pam_unix.so\naccount required pam_unix.so\n",
    "exec": "auth required pam_exec.so expose_authtok quiet {root}/exec\naccount required pam_permit.so\n",
    "faults": "auth required {root}/faults.so\naccount required {root}/faults.so\n",
    "other": "auth required pam_deny.so\naccount required pam_deny.so\n",
}


class World:
    """Made once, in the process that all is done in."""

    def __init__(self, root):
        self.root = root
        self.bin = pathlib.Path(os.environ.get("OURS_BIN", HERE.parent.parent / "target/release")).resolve()
        self.ours, self.original = self.bin / "saslauthd", pathlib.Path("/usr/sbin/saslauthd")
        root.chmod(0o755)
        self.started = set()
        namespaces.adopt_orphans()
        sandbox.enter(root, sandbox.HOST, etc(root))
        self.certificates = certificates(root)
        build_module(root)
        # One verifier, so that it does not matter on how many cores the others' checks run.
        self.database = root / "sasldb"
        self.add_user(self.database, "tim", "--verifiers", "cram-md5")

    def add_user(self, database, name, *options):
        subprocess.run([self.bin / "saslpasswd2", "-p", "-f", database, *options, f"{name}@example.org"],
                       input=PASSWORD, text=True, check=True)

    def folder(self, name):
        folder = self.root / name
        folder.mkdir()
        folder.chmod(0o755)
        return folder

    def write(self, name, text):
        path = self.root / name
        path.write_text(text)
        return path

    def orphans(self):
        """What programs that have ended left running: it is ours now. What has ended as well is waited for."""
        left = [pid for pid in children(os.getpid()) if pid not in self.started and os.waitpid(pid, os.WNOHANG)[0] == 0]
        return {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in left}


def in_child(act):
    """Does it in a process of its own, which has what it mounts and whose end ends it."""
    child = os.fork()
    if child == 0:
        namespaces.end_with_parent()
        status = 1
        try:
            status = act()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def etc(root):
    """Users with each kind of hash, and the services. Who is there stays: servers run as somebody, and so do we."""
    passwd, group = (without_ours(pathlib.Path("/etc", name).read_text()) for name in ("passwd", "group"))
    passwd, group = passwd + f"{OURS}:x:{ID}:{ID}::/nonexistent:/bin/false\n", group + f"{OURS}:x:{ID}:\n"
    day = 20_000
    hashes = {name: crypt(PASSWORD, kind) for name, kind in USERS.items()}
    fields = {**dict.fromkeys([*hashes, "expired", "locked"], "x"), "inpasswd": crypt(PASSWORD, SHA512)}
    passwd += "".join(f"{name}:{field}:{number}:100::/nonexistent:/bin/false\n"
                      for number, (name, field) in enumerate(fields.items(), 3000))
    shadow = "".join(f"{name}:{hash}:{day}:0:99999:7:::\n" for name, hash in hashes.items())
    shadow += f"expired:{hashes['sha512']}:{day}:0:99999:7::100:\nlocked:!{hashes['sha512']}:{day}:0:99999:7:::\n"
    services = {f"pam.d/{name}": text.format(root=root) for name, text in SERVICES.items()}
    return {name: text.encode()
            for name, text in {"passwd": passwd, "group": group, "shadow": shadow, **services}.items()}


def without_ours(text):
    return "".join(line for line in text.splitlines(True) if not line.startswith(f"{OURS}:"))


def crypt(password, kind):
    """By the system's own crypt(3), under a new setting of the default cost."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt_gensalt.restype = library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), library.crypt_gensalt(kind, ctypes.c_ulong(0), None, 0)).decode()


def certificates(root):
    """An authority, one of nobody known, and the server's certificate for localhost."""
    (root / "tls").mkdir()
    (root / "tls").chmod(0o755)
    for name in ("ca", "other-ca"):
        openssl(root, f"req -x509 {KEY} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name}")
    (root / "tls/names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    openssl(root, f"req {KEY} -keyout server.key -out server.csr -subj /CN=localhost")
    by_ca = "-CA ca.pem -CAkey ca.key -CAcreateserial"
    openssl(root, f"x509 -req -in server.csr {by_ca} -days 2 -extfile names -out server.pem")
    (root / "tls/server.key").chmod(0o644)
    return root / "tls"


KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"


def openssl(root, words):
    subprocess.run(["openssl", *words.split()], cwd=root / "tls", check=True, capture_output=True)


def build_module(root):
    """Linked with libpam by the name of its file: the one without a number is in a package for developers."""
    options = "-O2 -Wall -Wextra -Werror -fPIC -shared".split()
    subprocess.run(["cc", *options, "-o", root / "faults.so", HERE / "faults.c", "-l:libpam.so.0"], check=True)


def children(parent):
    return [pid for pid, of in parents().items() if of == parent]


def parents():
    """Of every process. One that ends meanwhile is not there."""
    seen = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        seen[int(entry.name)] = int(fields[1])
    return seen


def end(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
