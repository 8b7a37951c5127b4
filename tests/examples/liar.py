"""What no honest server says, to smtp-send: servers that lie to it, one after the other."""

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM, CERTIFICATES = sys.argv[1], sys.argv[2]


class Server:
    """Greets one client, and says what the script has for its lines: text, or `"TLS"` behind some."""

    def __init__(self, script):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.script, self.heard = script, []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        self.socket = self.listener.accept()[0]
        self.socket.settimeout(10)
        self.socket.sendall(b"220 liar\r\n")
        lines = self.socket.makefile("rb")
        for answer in self.script:
            line = lines.readline()
            if not line:
                break
            self.heard.append(line.decode().rstrip())
            self.socket.sendall(answer.removesuffix("TLS").encode())
            if answer.endswith("TLS"):
                lines = self.begin_tls()
        lines.close()
        self.socket.close()
        self.listener.close()

    def begin_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{CERTIFICATES}/server.pem", f"{CERTIFICATES}/server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        return self.socket.makefile("rb")


class Lies(unittest.TestCase):
    def sent(self, script, *flags):
        """What smtp-send said, with its status, and the server, with what it heard."""
        server = Server(script)
        address = f"127.0.0.1:{server.listener.getsockname()[1]}"
        with tempfile.NamedTemporaryFile("w") as account:
            account.write('AuthInfo: "U:tim" "P:pencil"\n')
            account.flush()
            os.chmod(account.name, 0o600)
            words = [PROGRAM, "--ca", f"{CERTIFICATES}/ca.pem", "--auth-info", account.name, "--timeout", "2", *flags]
            words += ["--from", "tim@example.org", address, "bob@elsewhere.example"]
            done = subprocess.run(words, input="text\n", capture_output=True, text=True, timeout=20)
        server.thread.join(10)
        return done.stdout + done.stderr, done.returncode, server

    def test_a_success_without_a_proof_is_none(self):
        said, status, server = self.sent(["250-liar\r\n250 AUTH SCRAM-SHA-256\r\n", "235 2.7.0 welcome\r\n", ""])
        self.assertEqual(status, 1)
        self.assertIn("the server did not prove itself", said)
        self.assertFalse([line for line in server.heard if line.startswith("MAIL")])

    def test_what_was_said_before_tls_does_not_count(self):
        said, status, server = self.sent(
            ["250-liar\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"]
            + ["220 go on\r\n250-injected\r\n250 AUTH PLAIN\r\nTLS"]
            + ["250 liar\r\n", "250 ok\r\n", "550 no\r\n", "221 bye\r\n"]
        )
        self.assertIn("the server does not offer AUTH", said)
        self.assertEqual(status, 1)
        heard = [line.split(" ")[0] for line in server.heard]
        self.assertEqual(heard, ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "QUIT"])

    def test_no_password_goes_over_a_wire_that_anybody_can_read(self):
        said, status, server = self.sent(["250-liar\r\n250 AUTH PLAIN LOGIN\r\n", ""], "--require-auth")
        self.assertIn("nothing that the server offers will do: PLAIN LOGIN", said)
        self.assertEqual((status, len(server.heard)), (1, 1))

    def test_tls_that_is_taken_away(self):
        said, status, _ = self.sent(["250 liar\r\n", ""], "--require-tls")
        self.assertIn("does not offer STARTTLS", said)
        self.assertEqual(status, 1)

    def test_replies_that_are_none(self):
        for reply, words in [
            ("hello\r\n", "no reply of SMTP"),
            ("250-x\r\n" * 200, "too long"),
            ("250-" + "x" * 20000 + "\r\n", "too long"),
            ("", "takes too long"),
        ]:
            said, status, _ = self.sent([reply, ""])
            self.assertIn(words, said)
            self.assertEqual(status, 1)

    def test_what_a_server_says_is_shown_in_one_clean_line(self):
        said, _, _ = self.sent(["550 \x1b[2J\rno\r\n", ""])
        self.assertIn("\\u{1b}\\[2J\\rno", said)


unittest.main(argv=sys.argv[:1], verbosity=1)
