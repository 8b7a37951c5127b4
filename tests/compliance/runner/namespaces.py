"""The kernel calls behind a sandbox, none of which Python 3.11 offers."""
import ctypes
import os
import signal

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_MOUNTS, NEW_HOST_NAME, NEW_NETWORK = 0x00020000, 0x04000000, 0x40000000  # CLONE_* of sched.h
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000  # MS_* of sys/mount.h
PARENT_DEATH_SIGNAL, CHILD_SUBREAPER = 1, 36  # PR_SET_* of sys/prctl.h


def call(name, *args):
    if getattr(LIBC, name)(*args) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def unshare(namespaces):
    call("unshare", namespaces)


def mount(source, target, flags, kind=None):
    call("mount", os.fsencode(source), os.fsencode(target), kind, ctypes.c_ulong(flags), None)


def bind(source, target):
    mount(source, target, BIND)


def end_with_parent():
    """From now on this process gets TERM when its parent ends."""
    control(PARENT_DEATH_SIGNAL, signal.SIGTERM)


def adopt_orphans():
    """From now on descendants whose parents have ended are children of this process."""
    control(CHILD_SUBREAPER, 1)


def control(option, value):
    call("prctl", option, *map(ctypes.c_ulong, (value, 0, 0, 0)))
