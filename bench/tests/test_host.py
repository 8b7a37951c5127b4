import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from harness import programs
from harness.bench import Bench
from harness.measures.backends import Backends
from harness.original import Original
from harness.plan import QUICK


class BackEnds(unittest.TestCase):
    """With the original on both sides, since what is tested is the bench. Times mean nothing here."""

    def test_every_figure_comes_about(self):
        with tempfile.TemporaryDirectory() as scratch:
            plan = replace(QUICK, seconds=0.2, hashed=20)
            measure = Backends(Bench(plan, Path(scratch), programs.build_tools(), Original(), Original()))
            measure.run()
        for name, row in measure.rows.items():
            with self.subTest(name):
                self.assertGreater(row.theirs, 0)
        self.assertTrue(0.5 < measure.rows["cpu", "ours"].ratio < 3, measure.rows["cpu", "ours"])
        self.assertLess(measure.rows["rate", "theirs", 64].ratio, 0.5, "wrong passwords keep the original busy")
