import unittest

from harness.row import Row, at_most
from harness.table import table


class Table(unittest.TestCase):
    def test_columns(self):
        rows = [
            Row("CPU", "saslauthd -n 5", "µs", at_most(0.25), at_most(0.2), [(15, 60), (14, 70), (12, 80)]),
            Row("memory", "saslauthd -n 5", "kB", None, None, [(12345, 1000)]),
        ]
        heading, rule, first, second = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in table(rows).splitlines()
        )
        self.assertEqual(heading[4:], ["ratio (median, [min–max])", "must", "aim", "verdict"])
        self.assertTrue(all(set(cell) == {"-"} for cell in rule))
        self.assertEqual(
            first, ["CPU", "saslauthd -n 5", "14.0 µs", "70.0 µs", "0.200 [0.150–0.250]", "≤ 0.25", "≤ 0.2", "aim"]
        )
        self.assertEqual(
            second, ["memory", "saslauthd -n 5", "12,345 kB", "1,000 kB", "12.35 (once)", "–", "–", "–"]
        )
