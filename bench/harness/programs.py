"""The programs of a run: ours are there, the others are built."""

import json
import os
import subprocess
from pathlib import Path

BENCH = Path(__file__).parent.parent
PEERS = {"libsasl2": "-lsasl2", "gsasl": "-lgsasl", "layers": "-lsasl2", "crypt": "-lcrypt"}


def find_ours():
    """Where our programs are: in OURS_BIN, or where cargo puts them."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", BENCH.parent / "target"))
    place = Path(os.environ.get("OURS_BIN", target / "release"))
    if not (place / "saslauthd").exists():
        raise FileNotFoundError(f"no saslauthd in {place}: cargo build --release, or set OURS_BIN")
    return place


def build_tools():
    """Builds saslbench, mechs and layers. Returns where they are."""
    cargo = ["cargo", "build", "--quiet", "--release", "--locked", "--bins"]
    subprocess.run(cargo, cwd=BENCH, check=True)
    metadata = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    found = subprocess.run(metadata, cwd=BENCH, check=True, stdout=subprocess.PIPE).stdout
    return Path(json.loads(found)["target_directory"]) / "release"


def build_peer(name, scratch):
    """Compiles one of peers/ against Debian's library."""
    program = scratch / name
    source = BENCH / "peers" / f"{name}.c"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", program, source, PEERS[name]], check=True)
    return program
