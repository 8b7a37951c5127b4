#!/usr/bin/env python3
"""A saslauthd that gives every client the same answer: one_answer.py ANSWER REAL-SASLAUTHD ARGUMENTS...

It listens, detaches, keeps a pid file and ends like the real one; what does not start a daemon it leaves to it.
"""
import contextlib
import getopt
import os
import signal
import socket
import sys

READ_LIMIT = 1  # seconds


def main():
    answer, real, *arguments = sys.argv[1:]
    options = daemon_options(arguments)
    if not options:
        os.execv(real, [real, *arguments])
    run_dir = options["-m"]
    os.makedirs(run_dir, exist_ok=True)
    listener = listen(f"{run_dir}/mux")
    if "-d" not in options:
        detach(f"{run_dir}/saslauthd.pid")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: end(run_dir))
    while True:
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            client.settimeout(READ_LIMIT)
            if read_request(client.makefile("rb")):
                client.sendall(len(answer).to_bytes(2, "big") + answer.encode())


def daemon_options(arguments):
    """The options, if they are those of a daemon on a socket that can be had."""
    with contextlib.suppress(getopt.GetoptError):
        options = dict(getopt.getopt(arguments, "a:cdhlm:n:O:rs:t:vV")[0])
        mux = os.path.join(options.get("-m", ""), "mux")
        if {"-a", "-m"} <= options.keys() and not {"-h", "-v"} & options.keys() and not in_use(mux):
            return options


def in_use(path):
    with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
        s.connect(path)
        return True


def listen(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o777)
    listener.listen(32)
    return listener


def detach(pid_file):
    pid = os.fork()
    if pid:
        with open(pid_file, "w") as f:
            f.write(f"{pid}\n")
        os._exit(0)
    os.setsid()


def read_request(stream):
    """Reads four counted fields; gives whether they were all there."""
    for _ in range(4):
        size = stream.read(2)
        if len(size) < 2 or len(stream.read(length := int.from_bytes(size, "big"))) < length:
            return False
    return True


def end(run_dir):
    for name in ("mux", "saslauthd.pid"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{run_dir}/{name}")
    os._exit(0)


if __name__ == "__main__":
    main()
