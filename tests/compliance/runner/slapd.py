"""A real OpenLDAP server with the directory of the fixtures."""
import contextlib
import os
import socket
import subprocess
import time

from .subject import find

PORT = 3890  # free, for every case has a network of its own
START_LIMIT = 20  # seconds


def program():
    """Where slapd is, or None."""
    return os.environ.get("SLAPD") or find("slapd")


@contextlib.contextmanager
def running(scratch):
    """A server on the case's port, for as long as the block runs."""
    configure(scratch)
    conf, env = str(scratch.root / "slapd.conf"), environment()
    slapadd = os.path.join(os.path.dirname(program()), "slapadd")
    subprocess.run([slapadd, "-f", conf, "-l", str(scratch.root / "init.ldif")], env=env, check=True,
                   capture_output=True)
    scratch.port = PORT
    process = subprocess.Popen([program(), "-f", conf, "-h", f"ldap://127.0.0.1:{PORT}", "-d", "0"], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_port()
        yield
    finally:
        process.kill()
        process.wait()


def configure(scratch):
    places = {"{D}": str(scratch.root), "{SCHEMA}": os.environ.get("SLAPD_SCHEMA", "/etc/ldap/schema"),
              "{MODULES}": os.environ.get("SLAPD_MODULES", "/usr/lib/ldap")}
    text = scratch.fixtures["slapd_conf"]
    for name, path in places.items():
        text = text.replace(name, path)
    scratch.write("slapd.conf", text.encode())
    scratch.write("init.ldif", scratch.fixtures["ldap_ldif"].encode())
    (scratch.root / "ldb").mkdir()


def environment():
    return dict(os.environ, LD_LIBRARY_PATH=os.environ.get("SLAPD_LD_LIBRARY_PATH", ""))


def await_port():
    end = time.monotonic() + START_LIMIT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", PORT)).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(.05)
