"""apps/tune/space.py, values.py: values, grids, names."""

from support import TuneTest, unittest

from tune.problems import Places
from tune.space import BadRange, Parameter, fill_in, read_parameter, settings
from tune.values import clock, seconds_of, shown, to_toml


class SpaceTest(TuneTest):
    def test_bounds_say_whether_numbers_are_integers(self) -> None:
        self.assertTrue(read_parameter("a.b", {"low": 1, "high": 4}).integer)
        self.assertFalse(read_parameter("a.b", {"low": 1, "high": 4.5}).integer)
        self.assertEqual(read_parameter("a.b", {"low": 1, "high": 4.5}).low, 1.0)

    def test_a_grid_has_the_ends_and_what_is_between(self) -> None:
        def grid(**given: object) -> list:
            return read_parameter("a.b", given).grid()

        self.assertEqual(grid(low=3, high=6), [3, 4, 5, 6])
        self.assertEqual(grid(low=16, high=64, step=16), [16, 32, 48, 64])
        self.assertEqual(grid(low=0.0, high=0.3, step=0.1), [0.0, 0.1, 0.2, 0.3])
        self.assertEqual(grid(low=0.0, high=1.0, points=3), [0.0, 0.5, 1.0])
        self.assertEqual(grid(low=1, high=3, points=5), [1, 2, 3])  # rounded, each once
        for got, wanted in zip(grid(low=1e-4, high=1e-1, log=True, points=4), [1e-4, 1e-3, 1e-2, 1e-1], strict=True):
            self.assertAlmostEqual(got / wanted, 1)
        self.assertEqual(grid(choices=["adam", {"type": "sgd"}]), ["adam", '{ type = "sgd" }'])
        with self.assertRaisesRegex(BadRange, "a grid needs choices, a step, or how many points"):
            grid(low=0.0, high=1.0)

    def test_choices_are_values_of_any_kind(self) -> None:
        one = read_parameter("a.b", {"choices": [[1, 2], {"c": True}, "word"], "names": ["x", "y", "z"]})
        self.assertEqual(one.distribution().choices, ("x", "y", "z"))
        self.assertEqual([one.value(label) for label in "xyz"], [[1, 2], {"c": True}, "word"])

    def test_names_stand_for_values_and_bundles_for_several(self) -> None:
        space = [Parameter("width", 8, 16), read_parameter("a.layer", {"choices": [["$width", 3]]}),
                 read_parameter("batch", {"choices": [{"p.pairs": 8, "run.epochs": "$width"}]})]
        self.assertEqual(
            settings({"c.d": {"e": "$width"}}, space, {"width": 12, "a.layer": ["$width", 3],
                                                       "batch": space[2].choices[0]}),
            {"c.d": {"e": 12}, "a.layer": [12, 3], "p.pairs": 8, "run.epochs": 12})
        with self.assertRaises(KeyError):
            fill_in("$a", {"a": ["$b"], "b": "$a"})  # a circle

    def test_values_are_written_as_toml(self) -> None:
        for value, text in ((True, "true"), (1e-5, "1e-05"), (3, "3"), ('a "b"\n', '"a \\"b\\"\\n"'),
                            ([1, [2.5]], "[1, [2.5]]"), ({"a.b": 1, "c": {}}, '{ "a.b" = 1, c = {  } }')):
            self.assertEqual(to_toml(value), text)

    def test_times_and_numbers(self) -> None:
        self.assertEqual([seconds_of(text) for text in ("1h30m", "90s", "2d", "", "1m1h", "-1s", "0s", "5")],
                         [5400, 90, 172800, None, None, None, None, None])
        self.assertEqual([clock(59.6), clock(3661)], ["1:00", "1:01:01"])
        self.assertEqual([shown(0.5, "a.accuracy"), shown(0.5, "a.loss"), shown(None, "a.b")], ["50.00 %", "0.5", "-"])

    def test_keys_have_places(self) -> None:
        places = Places("f", 'a = 1\nset = { "b.c" = 2 }\n[space]\n  "d.e" = { low = 1 }\nf.g = { low = 2 }\n[space."h.i"]\nlow=3\n')
        self.assertEqual([places.of(key).line for key in ("a", "set.b.c", "space.d.e", "space.f.g", "space.h.i", "x")],
                         [1, 2, 4, 5, 6, 0])
        self.assertEqual(places.of("space.d.e").says("no"), 'f:4:3: error: no\n    "d.e" = { low = 1 }\n  ' + "  ^")


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # of what Optuna calls experimental
