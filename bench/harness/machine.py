"""The machine that a run was made on."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

NEEDED = {
    "saslauthd": "sasl2-bin",
    "db5.3_load": "db5.3-util",
    "unshare": "util-linux",
    "valgrind": "valgrind",
    "cc": "gcc",
    "cargo": "a Rust toolchain",
}
PACKAGES = ("sasl2-bin", "libsasl2-2", "libgsasl18")


def check():
    """Says what is missing, before anything is built."""
    if os.geteuid():
        raise SystemExit("bench: the original reads /etc/sasldb2 and nothing else, and only root can give it another")
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        raise SystemExit(f"bench: missing: {', '.join(missing)}")
    if not Path("/etc/sasldb2").exists():
        raise SystemExit("bench: no /etc/sasldb2 to mount a scratch database over; an empty file will do")


def describe():
    memory = re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return ", ".join([
        f"{os.cpu_count()} × {model[1] if model else platform.machine()}",
        f"{int(memory[1]) / 2**20:.0f} GiB",
        f"Linux {platform.release()}",
        platform.freedesktop_os_release()["PRETTY_NAME"],
    ])


def versions():
    query = ["dpkg-query", "--show", "--showformat=${Package} ${Version}, ", *PACKAGES]
    packages = subprocess.run(query, check=True, text=True, stdout=subprocess.PIPE).stdout
    rust = subprocess.run(["rustc", "--version"], check=True, text=True, stdout=subprocess.PIPE).stdout
    return packages + rust.strip()
