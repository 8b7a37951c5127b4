"""A private /etc, host name and network for one case, so that it finds and changes nothing of the machine."""
import fcntl
import os
import socket
import struct

from . import namespaces
from .namespaces import bind, mount

HOST = "sasltest"
ETC = {  # files that make look-ups the same everywhere
    "hosts": "127.0.0.1 localhost\n127.0.1.1 sasltest\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n",
}


def enter(root, host, etc_files):
    """Moves this process into a sandbox whose /etc is `root`/etc; the machine's stays at `root`/machine-etc."""
    namespaces.unshare(namespaces.NEW_MOUNTS | namespaces.NEW_HOST_NAME | namespaces.NEW_NETWORK)
    mount("none", "/", namespaces.RECURSIVE | namespaces.PRIVATE)
    socket.sethostname(host)
    bring_up_loopback()
    hide_system_services()
    keep_machine_etc(root)
    make_etc(root, "etc", etc_files)
    bind(root / "etc", "/etc")


def bring_up_loopback():
    set_interface_flags, up = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, set_interface_flags, struct.pack("16sh14s", b"lo", up, b""))


def hide_system_services():
    """No cached look-ups from outside, and nothing into the machine's log."""
    for path in ("/run/nscd", "/var/run/nscd"):
        if os.path.isdir(path):
            mount("tmpfs", path, 0, b"tmpfs")
    if os.path.exists("/dev/log"):
        bind("/dev/null", "/dev/log")


def keep_machine_etc(root):
    (root / "machine-etc").mkdir()
    mount("/etc", root / "machine-etc", namespaces.BIND | namespaces.RECURSIVE)


def make_etc(root, name, files):
    """Makes a directory to be mounted over /etc: `files`, and links to the machine's entries but for SASL's."""
    etc = root / name
    for file, data in {**{n: text.encode() for n, text in ETC.items()}, **files}.items():
        (etc / file).parent.mkdir(parents=True, exist_ok=True)
        (etc / file).write_bytes(data)
    for source in (root / "machine-etc").iterdir():
        link = etc / source.name
        if not source.name.startswith("sasl") and not os.path.lexists(link):
            link.symlink_to(os.readlink(source) if source.is_symlink() else source)
    return etc


def over_etc(etc, folder, base):
    """A function that puts `etc` over /etc, with `folder`/`base` as its sasldb2, for a child about to run.

    A store may keep files beside its own (BASE-lock, BASE.*); they go with it.
    """
    entries = {name: "sasldb2" + name[len(base):] for name in os.listdir(folder)
               if name == base or name.startswith((base + "-", base + "."))}
    for source, target in entries.items():
        mount_point(folder / source, etc / target)

    def enter_etc():
        namespaces.unshare(namespaces.NEW_MOUNTS)
        bind(etc, "/etc")
        for source, target in entries.items():
            bind(folder / source, f"/etc/{target}")

    return enter_etc


def mount_point(source, target):
    if source.is_dir():
        target.mkdir()
    else:
        target.touch()
