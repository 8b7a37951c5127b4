"""What no program would send, to a server: `raw.py PORT SMTPS-PORT AUTHORITY PROCESS CASES`."""

import os
import signal
import socket
import ssl
import sys
import unittest

PLAIN, SMTPS, AUTHORITY, PROCESS = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])


class Client:
    """A connection that has been greeted."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", PLAIN), timeout=10)
        self.lines = self.socket.makefile("rb")
        self.greeting = self.reply()

    def send(self, octets):
        self.socket.sendall(octets)
        return self

    def reply(self):
        """The next reply, or nothing where the server has closed."""
        text = b""
        while line := self.lines.readline():
            text += line
            if line[3:4] != b"-":
                break
        return text.decode()

    def ask(self, line):
        return self.send(line.encode() + b"\r\n").reply()

    def close(self):
        self.lines.close()
        self.socket.close()

    def begin_tls(self):
        context = ssl.create_default_context(cafile=AUTHORITY)
        self.lines.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.lines = self.socket.makefile("rb")


class Case(unittest.TestCase):
    def client(self):
        client = Client()
        self.addCleanup(client.close)
        return client

    def asked(self, client, pairs):
        for line, start in pairs:
            reply = client.ask(line)
            self.assertTrue(reply.startswith(start), f"{line[:60]}: {reply}")


class Sessions(Case):
    def test_what_was_sent_behind_starttls_is_thrown_away(self):
        client = self.client()
        client.ask("EHLO client")
        self.assertTrue(client.send(b"STARTTLS\r\nEHLO injected\r\nMAIL FROM:<>\r\n").reply().startswith("220 "))
        client.begin_tls()
        self.asked(client, [("MAIL FROM:<>", "503 5.5.1 say EHLO first"), ("NOOP", "250"), ("EHLO client", "250-")])
        self.asked(client, [("STARTTLS", "503"), ("QUIT", "221")])
        self.assertEqual(client.reply(), "")

    def test_replies_to_auth_at_the_wrong_time_or_in_the_wrong_words(self):
        client = self.client()
        self.asked(
            client,
            [
                ("AUTH PLAIN AA==", "503 5.5.1"),
                ("EHLO client", "250-"),
                ("AUTH", "501 5.5.2"),
                ("AUTH NOSUCH", "504 5.5.4"),
                ("AUTH PLAIN AHRpbUBleGFtcGxlLm9yZwBwZW5jaWw=", "538 5.7.11"),
                ("AUTH EXTERNAL =", "504 5.5.4"),
                ("AUTH CRAM-MD5 AA==", "501 5.5.2"),
                ("AUTH CRAM-MD5", "334 "),
                ("*", "501 5.7.0"),
                ("AUTH CRAM-MD5", "334 "),
                ("not base64", "501 5.5.2"),
                ("AUTH CRAM-MD5", "334 "),
                ("A" * 13000, "500 5.5.6"),
                ("NOOP", "250"),
            ],
        )

    def test_a_response_of_12288_octets_is_read(self):
        client = self.client()
        self.asked(client, [("EHLO client", "250-"), ("AUTH CRAM-MD5", "334 "), ("AAAA" * 3071, "501 5.5.2")])

    def test_who_errs_too_often_is_sent_away(self):
        client = self.client()
        for _ in range(21):
            reply = client.ask("AUTH")
        self.assertTrue(reply.startswith("503"))
        self.assertTrue(client.reply().startswith("421 4.7.0"))
        self.assertEqual(client.reply(), "")

    def test_a_long_line_is_no_command_and_an_endless_one_ends_the_connection(self):
        client = self.client()
        self.asked(client, [("NOOP " + "x" * 2000, "500"), ("NOOP " + "x" * 20000, "500 5.5.6"), ("NOOP", "250")])
        try:
            heard = client.send(b"x" * 2_000_000).reply()
        except ConnectionError:
            heard = ""
        self.assertEqual(heard, "")

    def test_commands_may_come_at_once(self):
        client = self.client()
        client.send(b"EHLO client\r\nMAIL FROM:<>\r\nRCPT TO:<tim@example.org>\r\nDATA\r\n")
        replies = [client.reply()[:3] for _ in range(4)]
        self.assertEqual(replies, ["250", "250", "250", "354"])
        self.asked(client, [("Subject: x\r\n\r\n.", "250 2.0.0"), ("QUIT", "221")])

    def test_no_message_is_smuggled_in_another(self):
        for end in [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r"]:
            client = self.client()
            self.asked(client, [("EHLO client", "250-"), ("MAIL FROM:<>", "250"), ("RCPT TO:<tim@example.org>", "250")])
            self.asked(client, [("DATA", "354")])
            client.send(b"Subject: x\r\n\r\ntext" + end + b"MAIL FROM:<smuggled@example.org>\r\n")
            reply = client.send(b"\r\n.\r\n").reply()
            self.assertTrue(reply.startswith("554" if end != b"\r.\r" else "250"), reply)
            self.asked(client, [("RCPT TO:<tim@example.org>", "503")])

    def test_a_message_that_is_too_large_is_refused_and_the_next_taken(self):
        client = self.client()
        self.asked(client, [("EHLO client", "250-"), ("MAIL FROM:<> SIZE=1001", "552"), ("MAIL FROM:<>", "250")])
        self.asked(client, [("RCPT TO:<tim@example.org>", "250"), ("DATA", "354")])
        client.send(b"0123456789012345678901234567890123456789\r\n" * 30)
        self.asked(client, [(".", "552 5.3.4"), ("MAIL FROM:<>", "250"), ("RCPT TO:<tim@example.org>", "250")])
        self.asked(client, [("DATA", "354"), ("short\r\n.", "250")])

    def test_who_says_nothing_is_not_waited_for(self):
        silent, slow, unshaken = self.client(), Client(), socket.create_connection(("127.0.0.1", SMTPS), timeout=10)
        self.asked(slow, [("EHLO client", "250-"), ("AUTH CRAM-MD5", "334 ")])
        self.assertTrue(silent.reply().startswith("421 4.4.2"))
        self.assertEqual(silent.reply() + slow.reply(), "")
        with unshaken:
            self.assertEqual(unshaken.recv(1), b"")


class Ending(Case):
    def test_a_message_on_its_way_is_taken_before_the_server_ends(self):
        idle, busy = self.client(), self.client()
        self.asked(busy, [("EHLO client", "250-"), ("MAIL FROM:<>", "250"), ("RCPT TO:<tim@example.org>", "250")])
        self.asked(busy, [("DATA", "354")])
        os.kill(PROCESS, signal.SIGINT)
        self.assertTrue(idle.reply().startswith("421 4.3.2"))
        self.asked(busy, [("Subject: x\r\n\r\n.", "250 2.0.0")])
        self.assertTrue(busy.reply().startswith("421 4.3.2"))


unittest.main(argv=[sys.argv[0], *sys.argv[5:]], verbosity=1)
