"""apps/tune/search_file.py: whatever is wrong with a search is told at its line before anything runs."""

import os
from pathlib import Path

from support import FLOWRUN, TuneTest, unittest

from tune.engine import Engine
from tune.problems import Refused, read_toml
from tune.search_file import check_with_engine, read_search

GOOD = '[space]\n"bowl.x" = { low = 0.0, high = 1.0 }\n'


class SearchFileTest(TuneTest):
    def refused(self, text: str, engine: bool = False, file: str = "search.toml") -> str:
        try:
            search = self.search(text)
            if engine:
                check_with_engine(search, Engine(FLOWRUN, search.graph))
        except Refused as refused:
            return str(refused).replace(str(self.folder) + "/", "")
        return ""

    def refused_file(self, file: str | Path) -> str:
        with self.assertRaises(Refused) as refused:
            read_toml(Path(file))
        return str(refused.exception)

    def test_a_good_one(self) -> None:
        search = self.search('trials = 3\nset = { "run.epochs" = 3 }\n' + GOOD)
        self.assertEqual(self.refused("trials = 3\n" + GOOD, engine=True), "")
        self.assertEqual((search.trials, search.always, search.sampler["type"], search.jobs), (3, {"run.epochs": 3}, "tpe", 1))

    def test_what_is_wrong_with_the_file(self) -> None:
        for text, wanted in (
            ("trails = 3\n" + GOOD, "search.toml:4:1: error: a search has no 'trails'; did you mean 'trials'?"),
            ("trials = 0\n" + GOOD, "search.toml:4:1: error: 'trials' takes an integer, 1 to 1000000000"),
            ('max_time = "2"\n' + GOOD, "search.toml:4:1: error: 'max_time' takes a time, such as"),
            (GOOD, "search.toml: error: there is no budget: give trials = 40, say, or max_time"),
            ("trials = 3\n", "search.toml: error: 'space' is missing"),
            ("trials = 3\n[space]\n", "search.toml:5:1: error: [space] is empty"),
            ('trials = 3\nsampler = "bayes"\n' + GOOD, "search.toml:5:1: error: there is no sampler 'bayes'"),
            ('sampler = { type = "tpe", start = 1 }\n' + GOOD, "error: sampler 'tpe' has no option 'start'; did you mean 'startup'?"),
            ('sampler = { type = "tpe", startup = -1 }\n' + GOOD, "error: 'startup' is an integer, at least 0"),
            ('pruner = "medium"\n' + GOOD, "error: there is no pruner 'medium'; did you mean 'median'?"),
            ('trials = 3\n[space]\n"bowl.x" = { low = 2, high = 1 }', "search.toml:6:1: error: 'bowl.x': the range is empty: low is 2 and high is 1"),
            ('trials = 3\n[space]\n"bowl.x" = { low = 0.0, high = 1.0, log = true }', "'bowl.x': with log the range begins above 0"),
            ('trials = 3\n[space]\n"bowl.x" = { lo = 0.0, high = 1.0 }', "'bowl.x': there is no 'lo' in it"),
            ('trials = 3\n[space]\n"bowl.x" = { high = 1.0 }', "'bowl.x': 'low' is missing"),
            ('trials = 3\n[space]\n"bowl.x" = 4', "'bowl.x': it takes { low = ..., high = ... } or { choices = [...] }"),
            ('trials = 3\n[space]\n"bowl.x" = { choices = [] }', "'choices' is a list of at least one value"),
            ('trials = 3\n[space]\n"bowl.x" = { choices = [1, 1] }', "1 is among the choices twice"),
            ('sampler = "grid"\n' + GOOD, "'bowl.x': a grid needs choices, a step, or how many points"),
            ('trials = 3\n[space]\n"bowl.x" = { low = 0.0, high = 1.0, points = 3 }', "points are for sampler = \"grid\""),
            ('trials = 3\nset = { "bowl.x" = "$a" }\n' + GOOD, "search.toml:5:1: error: there is no 'a' in [space] for \"$a\""),
            ('trials = 3\n[space]\nwidth = { low = 1, high = 2 }', "search.toml:6:1: error: 'width' is used nowhere"),
            ('trials = 3\nset = { "bowl.x" = 0.5 }\n' + GOOD, "search.toml:5:1: error: 'bowl.x' is searched, and cannot be set as well"),
            ('trials = 3\nset = { "bowl.noise" = 2020-01-01 }\n' + GOOD, "search.toml:5:1: error: 'bowl.noise': "),
            ('trials = 3\n' + GOOD + 'b = { choices = [{ "bowl.x" = 0.5 }] }', "search.toml:6:1: error: 'bowl.x' is searched twice"),
            ('trials = 3\n[space]\n"bowl.n" = { low = 1, high = 12, step = 4 }', "'bowl.n': from 1 to 12 is no whole number of steps of 4"),
            ('sampler = "grid"\n[space]\n"bowl.n" = { low = 0, high = 4294967295 }', "search.toml:5:1: error: the grid has more than 100000 points"),
            ("trials = \n" + GOOD, "search.toml:4:10: error: Invalid value\n  trials = \n           ^"),
        ):
            with self.subTest(text=text):
                self.assertIn(wanted, self.refused(text))

    def test_the_wrong_direction(self) -> None:
        for metric, direction, wanted in (
            ("held_out.accuracy", "minimize", "search.toml:3:1: error: 'held_out.accuracy' is better when it is higher: "
             'direction = "maximize"'),
            ("verify.eer", "maximize", "'verify.eer' is better when it is lower"),
            ("twin.loss", "maximize", "'twin.loss' is better when it is lower"),
            ("twin.loss", "minimize", ""), ("bowl.score", "minimize", ""), ("bowl.score", "maximize", ""),
        ):
            with self.subTest(metric=metric, direction=direction):
                file = self.folder / "search.toml"
                file.write_text(f'graph = "graph.toml"\nmetric = "{metric}"\ndirection = "{direction}"\ntrials = 3\n' + GOOD)
                said = ""
                try:
                    read_search(file)
                except Refused as refused:
                    said = str(refused)
                self.assertIn(wanted, said) if wanted else self.assertEqual(said, "")

    def test_files_that_never_end_or_nest_too_deep(self) -> None:
        self.assertIn("'/dev/zero' cannot be read: it is not a regular file", self.refused_file("/dev/zero"))
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        self.assertIn("cannot be read: it is not a regular file", self.refused_file(fifo))
        large = self.folder / "large.toml"
        large.write_text("#" * 10_000_001)
        self.assertIn("cannot be read: it has more than 10000000 bytes", self.refused_file(large))
        deep = self.folder / "deep.toml"
        deep.write_text("x = " + "[" * 100_000)
        self.assertIn("deep.toml: error: tables and lists are nested too deep", self.refused_file(deep))

    def test_all_at_once(self) -> None:
        self.assertTrue(self.refused('trails = 3\nseeds = -1\n[space]\n"bowl.x" = 4').endswith("\n3 errors"))
        with self.assertRaisesRegex(Refused, "nowhere.toml' cannot be read: No such file"):
            read_search(self.folder / "nowhere.toml")

    def test_what_flowrun_refuses(self) -> None:
        head = "trials = 3\n[space]\n"
        for text, wanted in (
            (head + '"bowl.x" = { low = 0.0, high = 1.5 }',
             "search.toml:6:1: error: 'bowl.x', high = 1.5: 'x' is 1.5, out of range: 0 to 1\n  \"bowl.x\" = { low = 0.0, high = 1.5 }\n  ^\n1 error"),
            (head + '"bowl.n" = { low = 1.0, high = 3.0 }', "'bowl.n', low = 1.0: expected an integer"),
            (head + '"bowl.z" = { low = 1.0, high = 3.0 }', "node 'test.bowl' has no parameter 'z'"),
            (head + '"bowl.z" = { low = 1.0, high = 3.0 }', "\n1 error"),
            (head + '"bwl.x" = { low = 0.0, high = 1.0 }', "the graph has no node 'bwl'; did you mean 'bowl'?"),
            (head + '"bowl.points" = { choices = [[0.1, 0.2], ["a"]] }', "'bowl.points', choice [\"a\"]: expected a number"),
            ('set = { "bowl.noise" = -1.0 }\n' + "trials = 3\n" + GOOD, "search.toml:4:1: error: 'noise' is -1, out of range"),
        ):
            with self.subTest(text=text):
                self.assertIn(wanted, self.refused(text, engine=True))
        more = read_search(self.search_file("trials = 3\n" + GOOD), {"bowl.noise": -1.0})
        with self.assertRaisesRegex(Refused, "^--set bowl.noise: error: 'noise' is -1, out of range"):
            check_with_engine(more, Engine(FLOWRUN, more.graph))
        self.assertIn("search.toml:1:1: error: a trial of unlimited epochs may never end",
                      self.refused('trials = 3\nset = { "run.epochs" = "unlimited" }\n' + GOOD, engine=True))
        self.assertEqual("", self.refused('trials = 3\nset = { "run.epochs" = "unlimited", "run.max_steps" = 4 }\n' + GOOD, engine=True))
        file = self.search_file("trials = 3\n" + GOOD)
        file.write_text(file.read_text().replace("bowl.score", "bowl.scor"))
        search = read_search(file)
        with self.assertRaisesRegex(Refused, r"search.toml:2:1: error: no node measures 'bowl.scor'; did you mean 'bowl.score'"):
            check_with_engine(search, Engine(FLOWRUN, search.graph))
        (self.folder / "graph.toml").write_text("[node.a]\ntype = 'test.nothing'\n")
        with self.assertRaisesRegex(Refused, r"search.toml:1:1: error: .*test.nothing.* \(.*graph.toml:2:8\)"):
            check_with_engine(search, Engine(FLOWRUN, search.graph))

    def test_the_program_says_so_with_exit_code_2(self) -> None:
        self.search_file('trials = 3\n[space]\n"bowl.x" = { low = 0.0, high = 1.5 }\n')
        code, output, errors = self.flowtune("search.toml", "--check")
        self.assertEqual((code, output), (2, ""))
        self.assertIn("search.toml:6:1: error: 'bowl.x', high = 1.5", errors)
        self.assertEqual(self.flowtune("search.toml", "--jobs", "0")[0], 2)
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # of what Optuna calls experimental
