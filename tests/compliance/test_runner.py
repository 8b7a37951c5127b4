"""What the runner itself promises: its judgements, and that it ends what a case leaves running."""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

from runner import pool, sandbox, scripted
from runner.compare import differences
from runner.judge import judge, logins_to_try
from runner.records import listing_fault, records_fault

HERE = pathlib.Path(__file__).resolve().parent
ALICE = "alice\0example.org\0userPassword"


class Comparing(unittest.TestCase):
    def test_what_matches_and_what_does_not(self):
        for want, good, bad in [
            ("OK", "OK", "OK "),
            (None, None, ""),
            ([1, {"$anything": True}], [1, 2], [1]),
            ({"a": 1}, {"a": 1}, {"a": 1, "b": 2}),
            ({"$any": ["OK", {"$prefix": "NO"}]}, "NO way", "MAYBE"),
            ({"$any": [None]}, None, "OK"),
            ({"$nonzero": True}, 255, 139),
            ({"$nonzero": True}, 1, "TIMEOUT"),
            ({"$contains": ["saslauthd", "-a"]}, "{SASLAUTHD} -a", "-a"),
            ({"$lacks": ["secret"]}, "alice", "alice secret"),
            ({"$contains": ["alice"], "$lacks": ["secret"]}, "alice", "secret"),
            ({"$regex": "a.b"}, "a\nb", "a\nbc"),
            ({"$message": "saslauthd"}, "saslauthd: no", "no"),
            ({"$message": "saslauthd"}, "{SASLAUTHD}: no", "saslauthd:"),
            ({"$sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}, "hello", "hallo"),
            ({"$mode": "0640"}, "0600", "0644"),
            ({"$mode": "0640"}, "0640", "0440"),
            ({"$listing": [["a", "r"]]}, "a@r: userPassword\n", None),
        ]:
            with self.subTest(want=want):
                self.assertEqual(differences(want, good), [])
                self.assertNotEqual(differences(want, bad), [])

    def test_an_unknown_matcher_is_an_error(self):
        with self.assertRaises(KeyError):
            differences({"$prefx": "NO"}, "NO")

    def test_the_place_is_named(self):
        self.assertEqual(differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}), ["a[0].b: want 1 got 2"])


class Records(unittest.TestCase):
    def test_a_listing_is_a_set(self):
        users = {("a", "r"): "x", ("a\nb", "r"): "x"}
        self.assertIsNone(listing_fault(users, "a\nb@r: userPassword\na@r: other\na@r: userPassword\n"))
        for text in ["", "a@r: userPassword\n", "a\nb@r: userPassword\na@r: userPassword\nc@r: userPassword\n",
                     "a\nb@r: userPassword\na@r: userPassword\na@r: userPassword\n"]:
            self.assertIsNotNone(listing_fault(users, text))

    def test_a_database_lists_and_lets_in(self):
        login = "alice\0example.org\0"
        good = {"present": True, "exit": 0, "listing": "alice@example.org: userPassword\n",
                "logins": {login + "secret": "OK", login + "secrex": "NO"}}
        self.assertIsNone(records_fault([[ALICE, "secret"]], good))
        for change in [{"exit": 1}, {"listing": ""}, {"logins": {login + "secret": "NO"}},
                       {"logins": {login + "secret": "OK", login + "secrex": "OK"}}]:
            self.assertIsNotNone(records_fault([[ALICE, "secret"]], {**good, **change}))

    def test_no_records_but_a_database_must_list(self):
        self.assertIsNotNone(records_fault([], {"present": True, "exit": 1, "listing": "", "logins": {}}))
        self.assertIsNone(records_fault(None, {"present": False, "exit": 1, "listing": "", "logins": {}}))


class Judging(unittest.TestCase):
    case = {"expected": {"exit": 0, "stderr": "gone\n",
                         "checks": {"mode:db": "0640", "records:db": [[ALICE, "secret"]]}},
            "ours": [{"stderr": {"$message": "saslauthd"}}, {"exit": 2}]}
    facts = {"present": True, "exit": 0, "listing": "alice@example.org: userPassword\n", "logins": {}}

    def judge(self, got, ours):
        return judge(self.case, got, ours)

    def test_the_original_is_held_to_the_letter(self):
        got = {"exit": 0, "stderr": "gone\n", "checks": {"mode:db": "0640", "records:db": [[ALICE, "secret"]]}}
        self.assertEqual(self.judge(got, ours=False), [])
        self.assertNotEqual(self.judge({**got, "checks": {**got["checks"], "mode:db": "0600"}}, ours=False), [])

    def test_ours_may_take_either_way(self):
        checks = {"mode:db": "0600", "records:db": self.facts}
        self.assertEqual(self.judge({"exit": 0, "stderr": "saslauthd: no\n", "checks": checks}, ours=True), [])
        self.assertEqual(self.judge({"exit": 2, "stderr": "gone\n", "checks": checks}, ours=True), [])
        self.assertNotEqual(self.judge({"exit": 2, "stderr": "saslauthd: no\n", "checks": checks}, ours=True), [])
        self.assertNotEqual(self.judge({"exit": 0, "stderr": "gone\n", "checks": checks}, ours=True), [])

    def test_logins_tried_are_those_of_the_records(self):
        self.assertIn(["alice", "example.org", "secret"], logins_to_try(self.case, "records:db"))
        self.assertIn(["alice", "example.org", "secrex"], logins_to_try(self.case, "records:db"))


class Scripted(unittest.TestCase):
    def test_a_form_is_whole_with_its_body(self):
        form = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\na\n=b"
        for end in range(len(form)):
            self.assertFalse(scripted.is_whole_form(form[:end]), form[:end])
        self.assertTrue(scripted.is_whole_form(form))
        self.assertTrue(scripted.is_whole_form(b"GET / HTTP/1.1\r\n\r\n"))

    def test_a_web_server_plays_its_script_and_keeps_what_it_heard(self):
        script = ["RECV", {"text": "HTTP/1.1 20"}, {"sleep": .05}, {"hex": "3020"}, {"text": "\xe9\r\n\r\n"}, "CLOSE"]
        server, port = scripted.on_tcp(script, scripted.is_whole_form)
        request = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(request[:-1])
            client.sendall(request[-1:])
            reply = b"".join(iter(lambda: client.recv(100), b""))
        self.assertEqual(reply, b"HTTP/1.1 200 \xe9\r\n\r\n")
        self.assertEqual(server.received(), [request])


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Running(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)

    def test_what_a_case_leaves_running_is_ended(self):
        def leave_running(_, root):
            subprocess.run(["sh", "-c", "setsid sleep 600 & echo $! >pid"], cwd=root.parent, check=True)
            return []

        self.assertEqual(list(pool.run(["a"], leave_running, self.scratch, jobs=1)), [("a", [])])
        self.assertFalse(os.path.exists("/proc/" + (self.scratch / "pid").read_text().strip()))

    def test_a_database_takes_its_lock_file_along(self):
        def work(_, root):
            root.mkdir()
            sandbox.enter(root, "sasltest", {})
            for name in ("db", "db-lock", "dbx"):
                (root / name).write_text(name)
            enter = sandbox.over_etc(sandbox.make_etc(root, "etc1", {}), root, "db")
            show = "cat /etc/sasldb2 /etc/sasldb2-lock; ls -d /etc/sasl*; echo changed >/etc/sasldb2-lock"
            seen = subprocess.run(["sh", "-c", show], preexec_fn=enter, capture_output=True, text=True).stdout
            return [seen, (root / "db-lock").read_text()]

        (_, seen), = pool.run(["a"], work, self.scratch, jobs=1)
        self.assertEqual(seen, ["dbdb-lock/etc/sasldb2\n/etc/sasldb2-lock\n", "changed\n"])

    def test_a_case_that_hangs_fails(self):
        with unittest.mock.patch.object(pool, "LIMIT", 1):
            (_, problems), = pool.run(["a"], lambda *_: time.sleep(60), self.scratch, jobs=1)
        self.assertEqual(problems, ["no result within 1 s"])

    def test_a_case_that_breaks_the_runner_fails(self):
        (_, problems), = pool.run(["a"], lambda *_: 1 / 0, self.scratch, jobs=1)
        self.assertIn("ZeroDivisionError", problems[0])

    def test_no_case_is_no_success(self):
        argv = [sys.executable, HERE / "run.py", "--only", "no such case"]
        done = subprocess.run(argv, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (2, "0 passed, 0 failed, 0 skipped\n"))


if __name__ == "__main__":
    unittest.main()
