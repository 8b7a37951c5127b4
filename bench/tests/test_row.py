import unittest

from harness.row import Row, at_least, at_most


def row(must, aim, *pairs):
    return Row("measure", "against", "µs", must, aim, list(pairs))


class Rows(unittest.TestCase):
    def test_the_ratio_is_the_median_of_the_pairs_own_ratios(self):
        # The medians of each side alone, 2 and 20, would say 0.1.
        seen = row(None, None, (1, 10), (2, 2), (3, 20))
        self.assertEqual(seen.ratios, [0.1, 1.0, 0.15])
        self.assertEqual((seen.ratio, seen.ours, seen.theirs), (0.15, 2, 10))

    def test_verdicts(self):
        for must, aim, ours, expected in [
            (at_most(0.5), at_most(0.25), 25, "aim"),
            (at_most(0.5), at_most(0.25), 26, "must"),
            (at_most(0.5), at_most(0.25), 50, "must"),
            (at_most(0.5), at_most(0.25), 51, "MISSED"),
            (at_least(3), at_least(4), 400, "aim"),
            (at_least(3), at_least(4), 399, "must"),
            (at_least(3), at_least(4), 299, "MISSED"),
            (None, None, 1, "–"),
        ]:
            with self.subTest(ours=ours):
                self.assertEqual(row(must, aim, (ours, 100)).verdict, expected)
