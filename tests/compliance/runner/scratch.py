"""The directory of one case, and the names that stand in a case for its paths.

{D} is the directory, {PORT} the port of a scripted server, {SASLAUTHD} and so on are the programs. Strings of
a case are Latin-1, a character a byte.
"""
import base64
import gzip
import os
import re
import sys


class Scratch:
    def __init__(self, root, programs, fixtures):
        self.root, self.programs, self.fixtures = root, programs, fixtures
        self.port = None
        root.mkdir()
        root.chmod(0o755)

    def write(self, name, data):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def content(self, data):
        """The bytes of a file of the case: a text, a {"fixture"}, or {"gzip_base64"}."""
        if isinstance(data, dict) and "fixture" in data:
            data = self.fixtures[data["fixture"]]
        if isinstance(data, dict):
            return gzip.decompress(base64.b64decode(data["gzip_base64"]))
        return self.fill(data).encode("latin1")

    def fill(self, text):
        """`text` with the real paths in place of their names."""
        for name, value in {**self.programs, "D": str(self.root), "PORT": str(self.port or "")}.items():
            text = text.replace("{%s}" % name, value)
        return text

    def plain(self, data):
        """Output as text, without what differs from run to run."""
        text = data.decode("latin1").replace(str(self.root), "{D}")
        for name in sorted(self.programs, key=lambda n: -len(self.programs[n])):
            text = text.replace(self.programs[name], "{%s}" % name)
        text = re.sub(r".*serving as root: there is no user .*\n", "", text)  # what is wrong with the machine
        text = re.sub(r"saslauthd\[\d+\]", "saslauthd[<PID>]", text)
        text = re.sub(r"(master (?:pid is|exited): )[1-9]\d*", r"\1<PID>", text)
        text = re.sub(r"((?:child exited|forked child): )\d+", r"\1<PID>", text)
        return text.replace(str(self.port), "{PORT}") if self.port else text

    def argv(self, step):
        argv = step.get("argv") or ["sh", "-c", ". $LIB\n" + step["sh"]]
        return [self.fill(word).encode("latin1") for word in argv]

    def environment(self, more=None):
        """The environment of a program under test: ours, without what could steer it, and what the case sets."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("SASL_", "KRB5", "LDAP"))}
        env.update(self.programs, D=str(self.root), LIB=f"{self.root}/lib.sh", PYTHON=sys.executable, LC_ALL="C")
        env.update({k: self.fill(v) for k, v in (more or {}).items()})
        return env
