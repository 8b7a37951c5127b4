import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from harness import programs
from harness.bench import Bench
from harness.measures.base64 import Base64
from harness.measures.mechanisms import Mechanisms
from harness.plan import QUICK


class Libraries(unittest.TestCase):
    """All that a library is measured by, in seconds. Times mean nothing here; instructions are what they are in a whole run."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        plan = replace(QUICK, exchanges=200)
        cls.bench = Bench(plan, Path(scratch.name), programs.build_tools(), None, None)

    def test_every_library_lets_the_client_in_and_none_takes_more_instructions_than_it_may(self):
        measure = Mechanisms(self.bench)
        measure.run()
        for row in measure.rows.values():
            with self.subTest(row.measure, against=row.against):
                self.assertGreater(min(row.ours, row.theirs), 0)
                if row.measure.endswith("instructions"):
                    self.assertNotEqual(row.verdict, "MISSED", row.ratio)

    def test_every_library_has_base64(self):
        measure = Base64(self.bench)
        measure.run()
        for row in measure.rows.values():
            with self.subTest(row.measure, against=row.against):
                self.assertGreater(min(row.ours, row.theirs), 0)
