"""One case, from beginning to end, in a sandbox of its own."""
import contextlib
import os
import stat

from . import command, sandbox, scripted, slapd, terminal
from .daemon import Daemon
from .judge import judge
from .quoting import quote
from .scratch import Scratch
from .store import Store


def skip_reason(case, subject):
    if subject.ours and "skip_ours" in case:
        return case["skip_ours"]
    if "slapd" in case.get("requires", []) and not slapd.program():
        return "no slapd"


def run(case, subject, fixtures, root):
    """Runs one case; gives the list of differences, empty if it passes. The process stays in the sandbox."""
    if subject.ours:
        case = {**case, **case.get("ours_input", {})}
    scene = Scene(case, subject, Scratch(root, subject.programs, fixtures))
    problems = judge(case, scene.perform(), subject.ours)
    return problems and problems + scene.notes


class Scene:
    def __init__(self, case, subject, scratch):
        self.case, self.subject, self.scratch = case, subject, scratch
        self.store, self.notes, self.before = Store(scratch, case.get("env")), [], {}
        etc = {name: scratch.content(data) for name, data in case.get("etc", {}).items()}
        sandbox.enter(scratch.root, case.get("host", sandbox.HOST), etc)
        os.chdir(scratch.root)

    def perform(self):
        """Gives what was observed, in the form of the case's `expected`."""
        with self.servers() as server:
            self.set_up()
            result = self.act()
            if server:
                result.update(self.received(server))
            self.look(result)
            return result

    @contextlib.contextmanager
    def servers(self):
        """The servers that the case wants, one of which may be scripted."""
        server = None
        with contextlib.ExitStack() as stack:
            if "fake_tcp" in self.case:
                server, self.scratch.port = scripted.on_tcp(self.case["fake_tcp"], scripted.is_whole_line)
            if "fake_http" in self.case:
                server, self.scratch.port = scripted.on_tcp(self.case["fake_http"], scripted.is_whole_form)
            if "fake_mux" in self.case:
                (self.scratch.root / "run").mkdir()
                server = scripted.on_unix(self.case["fake_mux"], self.scratch.root / "run/mux")
            if "slapd" in self.case.get("requires", []):
                stack.enter_context(slapd.running(self.scratch))
            yield server

    def received(self, server):
        """What the scripted server heard: a web server's clients send text."""
        if "fake_http" in self.case:
            return {"server_received": [self.scratch.plain(data) for data in server.received()]}
        return {"server_received_hex": [data.hex() for data in server.received()]}

    # before

    def set_up(self):
        self.scratch.write("lib.sh", self.scratch.fixtures["shell_lib"].encode())
        for name, data in self.case.get("files", {}).items():
            self.scratch.write(name, self.scratch.content(data))
        for user, realm, password in self.users():
            self.prepare({"argv": ["{SASLPASSWD2}", "-f", "/etc/sasldb2", "-c", "-u", realm, user],
                          "stdin_hex": password.encode("latin1").hex()})
        for step in self.case.get("setup", []):
            self.prepare(step)
        self.before = {check: self.contents(check) for check in self.case.get("checks", [])
                       if check.startswith("unchanged:")}

    def users(self):
        users = self.case.get("users", [])
        return self.scratch.fixtures[users["fixture"]] if isinstance(users, dict) else users

    def prepare(self, step):
        status, _, err = command.run(self.scratch, step)
        if status != 0:
            self.notes.append(f"(a setup step exits {status}: {quote(self.scratch.plain(err), 100)})")

    # the act

    def act(self):
        if "tty" in self.case:
            return terminal.run(self.scratch, self.case["tty"])
        if "daemon" in self.case:
            return self.with_daemon()
        status, out, err = command.run(self.scratch, self.case["command"])
        return {"stdout": self.scratch.plain(out), "stderr": self.scratch.plain(err), "exit": status}

    def with_daemon(self):
        daemon = Daemon(self.scratch, self.case["daemon"], self.scratch.root / "run", self.case.get("env"))
        result = self.dialog(daemon) if daemon.runs() else {
            "daemon_exit_at_start": daemon.exit_status(), "replies": []}
        if self.case.get("want_log"):
            result["log"] = self.scratch.plain(daemon.stderr())
        return result

    def dialog(self, daemon):
        replies = [daemon.talk(client, self.shell) for client in self.case["dialog"]]
        daemon.release_clients()
        alive = daemon.stop()
        result = {"replies": replies, "alive_after": alive}
        return result if alive else {**result, "daemon_exit": daemon.exit_status()}

    def shell(self, text):
        self.prepare({"sh": text})

    # after

    def look(self, result):
        if self.case.get("checks"):
            result["checks"] = {name: self.check(name) for name in self.case["checks"]}
        if "logins" in self.case:
            result["logins"] = self.store.logins(self.case["logins"]["path"], self.case["logins"]["tries"])

    def check(self, check):
        kind, name = check.split(":", 1)
        path = self.scratch.root / name
        if kind == "exists":
            return os.path.lexists(path)
        if kind == "unchanged":
            return self.contents(check) == self.before[check]
        if kind == "mode":
            return "%04o" % stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        if kind == "owner":
            return "{0.st_uid}:{0.st_gid}".format(path.stat()) if path.exists() else None
        if kind == "records":
            return self.store.observed(self.case, name) if self.subject.ours else self.store.dumped(name)
        raise ValueError(f"unknown check {check}")

    def contents(self, check):
        path = self.scratch.root / check.removeprefix("unchanged:")
        return path.read_bytes() if path.exists() else None
