"""The interval of a mean, against printed tables of Student's t (NIST/SEMATECH e-Handbook, 1.3.6.7.2)."""

import math
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "apps"))
from tune.interval import interval_of_mean, t95, within  # noqa: E402
from tune.values import limits  # noqa: E402


class IntervalTest(unittest.TestCase):
    def test_the_table(self) -> None:
        for freedom, printed in ((1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (10, 2.228), (30, 2.042),
                                 (61, 2.000), (100, 1.984)):
            self.assertAlmostEqual(t95(freedom), printed, delta=0.0005)
        self.assertAlmostEqual(within(2.132, 4), 0.90, delta=0.0001)
        self.assertAlmostEqual(within(3.747, 4), 0.98, delta=0.0001)

    def test_an_interval(self) -> None:
        low, high = interval_of_mean([0.95, 0.97, 0.99])  # standard deviation 0.02
        self.assertAlmostEqual(low, 0.97 - 4.303 * 0.02 / 3**0.5, delta=1e-5)
        self.assertAlmostEqual(high, 0.97 + 4.303 * 0.02 / 3**0.5, delta=1e-5)
        self.assertEqual(interval_of_mean([1.0, 1.0, 1.0]), (1.0, 1.0))
        self.assertIsNone(interval_of_mean([0.95, 0.97]))

    def test_an_interval_of_shares_is_one(self) -> None:
        self.assertGreater(interval_of_mean([0.9, 1.0, 1.0])[1], 1.1)
        low, high = interval_of_mean([0.9, 1.0, 1.0], limits("held_out.accuracy"))
        self.assertAlmostEqual(low, 0.9667 - 4.303 * 0.05774 / 3**0.5, delta=1e-3)
        self.assertEqual(high, 1.0)
        self.assertEqual(interval_of_mean([0.0, 0.0, 0.1], limits("verify.eer"))[0], 0.0)
        for metric, wanted in (("one_shot.5way.accuracy", (0.0, 1.0)), ("twin.pair_accuracy", (0.0, 1.0)),
                               ("verify.false_accept_rate", (0.0, 1.0)), ("twin.loss", (-math.inf, math.inf))):
            self.assertEqual(limits(metric), wanted)


if __name__ == "__main__":
    unittest.main()
