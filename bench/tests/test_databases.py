import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.original import Original


class Databases(unittest.TestCase):
    def test_the_original_reads_its_database(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = Original().database(Path(scratch), 3)
            listing = subprocess.run(["sasldblistusers2", "-f", path], check=True, text=True, stdout=subprocess.PIPE)
        self.assertEqual(
            sorted(listing.stdout.splitlines()),
            [f"user000000{number}@example.org: userPassword" for number in range(3)],
        )
