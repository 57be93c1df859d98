"""apps/tune/study.py, trial.py, outcome.py: searches in a graph whose best place is known."""

import csv
import json
import os
import statistics
import subprocess
import tomllib

from support import FLOWRUN, FLOWTUNE, TuneTest, bowl, states, unittest

from tune.engine import cores
from tune.outcome import candidates, count, write_best, write_table
from tune.problems import Refused
from tune.report import importances, write_report
from tune.search_file import read_search
from tune.study import Study
from tune.trial import Follower

GRID = 'sampler = "grid"\nseeds = 0\n[space]\n"bowl.n" = { low = 3, high = 6 }\n"bowl.x" = { choices = [0.3, 0.5] }\n'


class StudyTest(TuneTest):
    def test_a_grid_visits_each_point_once(self) -> None:
        study = self.study(GRID)
        self.run_here(study)
        points = [(trial.params["bowl.n"], trial.params["bowl.x"]) for trial in study.main.trials]
        self.assertEqual(points, [(n, x) for n in (3, 4, 5, 6) for x in ("0.3", "0.5")])
        for trial in study.main.trials:
            self.assertAlmostEqual(trial.value, bowl(float(trial.params["bowl.x"]), n=trial.params["bowl.n"]))
            self.assertEqual(sorted(trial.intermediate_values), [1, 2])
            kept = {file.name for file in study.directory(trial.number).iterdir()}
            self.assertTrue({"graph.toml", "metrics.jsonl", "result.json"} <= kept and "state.safetensors" not in kept, kept)
        self.assertEqual(candidates(study)[0].number, 4)
        self.run_here(self.study(GRID))  # there is nothing left
        self.assertEqual(len(study.main.trials), 8)

    def test_several_processes_take_different_trials(self) -> None:
        one, other = self.study(GRID), self.study(GRID)
        work = [study.next() for study in (one, other, one, other)]
        self.assertEqual([w.trial.number for w in work], [0, 1, 2, 3])
        self.assertFalse(any(w.taken_over for w in work))
        one.put_down(work[2])
        again = other.next()
        self.assertEqual((again.trial.number, again.taken_over, again.settings), (2, True, work[2].settings))
        self.assertEqual(len(again.trial.user_attrs["ran"]), 2)  # what put_down told, and what the file did
        self.assertFalse(one.over())

    def test_the_same_values_are_not_run_twice(self) -> None:
        study = self.study(GRID.replace('"grid"', '"random"\ntrials = 24'))
        self.run_here(study)
        self.assertEqual(states(study), ["COMPLETE"] * 24)
        points = [json.dumps(trial.params, sort_keys=True) for trial in study.main.trials]
        self.assertLessEqual(len(set(points)), 8)
        for number, trial in enumerate(study.main.trials):
            first = study.main.trials[points.index(points[number])]
            self.assertEqual((trial.value, trial.intermediate_values), (first.value, first.intermediate_values))
            self.assertEqual((study.directory(number) / "result.json").exists(), first.number == number)
            if first.number != number:
                self.assertEqual(trial.user_attrs["reason"], f"the same values as trial {first.number}")

    def test_jobs_divide_the_processors_that_may_be_used(self) -> None:
        allowed = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, allowed)
        self.assertLessEqual(cores(FLOWRUN), len(allowed))
        os.sched_setaffinity(0, {min(allowed)})
        self.assertEqual(cores(FLOWRUN), 1)

    def test_a_trial_whose_maker_died_at_once_is_made_whole(self) -> None:
        text = 'sampler = "random"\ntrials = 2\n[space]\n"bowl.x" = { low = 0.0, high = 1.0 }\n"bowl.n" = { low = 1, high = 64 }\n'
        for folder, search in (("random", text), ("grid", GRID)):
            wanted = self.study(search, folder + "-whole").next().settings
            self.study(search, folder).main.ask()  # nothing is chosen yet, and nobody holds it
            work = self.study(search, folder).next()
            self.assertEqual((work.trial.number, work.taken_over, work.settings), (0, True, wanted))

    def test_the_budgets_end_it(self) -> None:
        text = 'sampler = "random"\nseeds = 0\ntrials = 3\n[space]\n"bowl.x" = { low = 0.0, high = 1.0 }\n'
        study = self.study(text)
        self.run_here(study)
        self.assertEqual(states(study), ["COMPLETE"] * 3)
        self.assertGreater(study.seconds(), 0)
        study = self.study(text.replace("trials = 3", 'trials = 1000\nmax_time = "1s"'))  # budgets may change
        self.run_here(study)
        self.assertLess(len(study.main.trials), 1000)
        self.assertGreaterEqual(study.seconds(), 1)

    def test_another_search_is_refused_with_what_differs(self) -> None:
        self.study(GRID)
        with self.assertRaisesRegex(Refused, "holds a search of something else:\n  space.bowl.n: 3 to 6 -> 3 to 7\n"):
            self.study(GRID.replace("high = 6", "high = 7"))
        self.graph(epochs=3)
        with self.assertRaisesRegex(Refused, "  the file graph.toml: .* -> "):
            self.study(GRID)

    def test_an_empty_text_is_no_folder(self) -> None:
        for arguments in (["search.toml", "--output", ""], [""]):
            said = subprocess.run([FLOWTUNE, *arguments], cwd=self.folder, capture_output=True, text=True)
            self.assertEqual(said.returncode, 2)
            self.assertIn("an empty text is not a path", said.stderr)

    def test_a_folder_of_something_else_is_left_alone(self) -> None:
        (self.folder / "study").mkdir()
        mine = self.folder / "study" / "best.toml"
        mine.write_text("mine")
        with self.assertRaisesRegex(Refused, "study' holds other things than a search: name a new folder"):
            self.study(GRID)
        self.assertEqual([one.name for one in mine.parent.iterdir()], ["best.toml"])
        (mine.parent / "journal.log").write_text("mine\n")
        with self.assertRaisesRegex(Refused, "journal.log' is not the journal of a search"):
            self.study(GRID)
        self.assertEqual(mine.read_text(), "mine")

    def test_a_failed_trial_is_recorded_and_the_search_goes_on(self) -> None:
        study = self.study(GRID.replace("seeds = 0", 'seeds = 0\nset = { "bowl.fails" = 0.4 }'))
        self.run_here(study)
        self.assertEqual(states(study), ["COMPLETE", "FAIL"] * 4)
        self.assertEqual(study.main.trials[1].user_attrs["reason"], "node 'bowl' (test.bowl): x is 0.500000, too much for this bowl")
        self.assertEqual(study.given_up(), "")
        write_table(study, self.folder / "trials.csv")
        rows = list(csv.DictReader((self.folder / "trials.csv").read_text().splitlines()))
        self.assertEqual([row["state"] for row in rows], ["complete", "failed"] * 4)
        self.assertIn("too much for this bowl", rows[1]["reason"])

    def test_it_ends_when_too_many_fail(self) -> None:
        study = self.study(GRID.replace("seeds = 0", 'seeds = 2\nmax_failed_share = 0.1\nset = { "bowl.fails" = 0.4 }'))
        self.run_here(study)
        self.assertEqual(len([state for state in states(study) if state != "WAITING"]), 5)
        self.assertIn("2 of 5 trials failed, more than max_failed_share allows:\n  2 x node 'bowl'", study.given_up())
        self.assertEqual(len(study.again.trials), 0)

    def test_the_best_of_noisy_scores_is_evaluated_again(self) -> None:
        self.graph(epochs=1)
        study = self.study('sampler = { type = "tpe", startup = 4 }\ntrials = 9\ntop = 2\nseeds = 3\n'
                           'set = { "bowl.noise" = 0.05, "run.seed" = 7 }\n[space]\n"bowl.x" = { low = 0.0, high = 1.0 }\n'
                           '"bowl.n" = { low = 3, high = 7 }\n')
        self.run_here(study)
        ranked = candidates(study)
        self.assertEqual([sorted(one.again) for one in ranked], [[8, 9, 10], [8, 9, 10]])
        self.assertGreater(ranked[0].mean, ranked[1].mean)
        low, high = ranked[0].interval()
        self.assertTrue(low < ranked[0].mean < high)
        deviation = statistics.stdev(ranked[0].again.values())  # of three: t of two degrees of freedom is 4.3027
        self.assertAlmostEqual(high - low, 2 * 4.30265 * deviation / 3**0.5, places=5)

        best = write_best(study, self.folder / "best.toml")
        text = (self.folder / "best.toml").read_text()
        graph, trial = tomllib.loads(text), study.main.trials[best.number]
        self.assertEqual(graph["node"]["bowl"]["x"], trial.params["bowl.x"])
        self.assertEqual((graph["run"]["seed"], graph["node"]["bowl"]["noise"]), (7, 0.05))
        self.assertIn(f"# Trial {best.number} of 9 (tpe; 9 complete, 0 pruned, 0 failed)", text)
        shares = dict(importances(study))
        self.assertEqual(set(shares), {"bowl.x", "bowl.n"})
        self.assertAlmostEqual(sum(shares.values()), 1)
        write_report(study, self.folder / "report.html")
        page = (self.folder / "report.html").read_text()
        self.assertEqual(page.count("<svg"), page.count("</svg>"))
        self.assertEqual(page.count("<svg"), 5)  # history, importance, two slices, parallel coordinates
        for outside in ("http:", "https:", "src=", "<script"):
            self.assertNotIn(outside, page)

        again = subprocess.run([FLOWRUN, "best.toml", "--output", "again", "--quiet"], cwd=self.folder)
        self.assertEqual(again.returncode, 0)
        reached = json.loads((self.folder / "again" / "result.json").read_text())["best"]["bowl"]["score"]["value"]
        self.assertEqual(reached, trial.value)

    def test_pruning_ends_trials_early_and_not_the_best(self) -> None:
        self.graph(epochs=10, seconds=0.02)
        study = self.study('sampler = "grid"\nseeds = 0\npruner = { type = "median", startup = 2, warmup = 0 }\n'
                           '[space]\n"bowl.n" = { choices = [8, 9, 20, 5, 19, 18] }\n')
        self.run_here(study)
        self.assertEqual(study.main.best_trial.params, {"bowl.n": "5"})
        pruned = [trial for trial in study.main.trials if trial.state.name == "PRUNED"]
        self.assertGreater(len(pruned), 0)
        for trial in pruned:
            self.assertLess(len(trial.intermediate_values), 10)
            self.assertEqual(list(study.directory(trial.number).glob("*.safetensors")), [])
        self.assertEqual(count(study)["failed"], 0)

    def test_lower_may_be_better(self) -> None:
        file = self.search_file(GRID)
        file.write_text(file.read_text().replace("bowl.score", "bowl.miss").replace("maximize", "minimize"))
        study = Study(read_search(file), self.folder / "study")
        self.run_here(study)
        self.assertAlmostEqual(study.main.best_value, 1 - bowl(0.3, n=5))
        self.assertEqual(candidates(study)[0].number, 4)

    def test_the_last_value_may_be_the_score(self) -> None:
        for score in ("best", "last"):
            self.graph(epochs=4)
            study = self.study(f'sampler = "grid"\nscore = "{score}"\nseeds = 0\nset = {{ "bowl.noise" = 1.0 }}\n'
                               '[space]\n"bowl.n" = { choices = [5] }\n', folder=score)
            self.run_here(study)
            values = [json.loads(line)["metrics"]["score"] for line in (study.directory(0) / "metrics.jsonl").read_text().splitlines()]
            self.assertEqual(study.main.trials[0].value, max(values) if score == "best" else values[-1])
            self.assertNotEqual(max(values), values[-1])

    def test_what_was_no_number_in_the_end_is_no_last_value(self) -> None:
        file = self.folder / "metrics.jsonl"
        line = '{{"epoch": {}, "node": "bowl", "metrics": {{"score": {}}}}}\n'
        file.write_text(line.format(0, 0.9) + line.format(1, "null"))
        follower = Follower(file, "bowl.score", True, "last")
        follower.read()
        self.assertEqual((follower.score(), follower.last_is_number), (0.9, False))
        file.write_text(file.read_text() + line.format(2, 0.4))
        follower.read()
        self.assertEqual((follower.score(), follower.last_is_number), (0.4, True))


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # of what Optuna calls experimental
