"""Whatever is killed, and whenever: no trial is lost, none is counted twice, and each scores as if nothing had happened."""

import json
import os
import random
import signal
from pathlib import Path

from support import FLOWRUN, TuneTest, bowl, states, unittest, wait_until

from tune.engine import Engine
from tune.study import Study
from tune.trial import MOST_DEATHS, Run

GRID = 'sampler = "grid"\nseeds = 0\njobs = 2\n[space]\n"bowl.n" = { low = 1, high = 8 }\n'
EPOCHS = 8


def runs_in(folder: Path) -> list[int]:
    """flowrun processes that write below a folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and str(folder).encode() in (process / "cmdline").read_bytes():
                if (process / "comm").read_text().strip() == "flowrun":
                    found.append(int(process.name))
        except OSError:
            pass  # it has ended meanwhile
    return found


class KillTest(TuneTest):
    def setUp(self) -> None:
        super().setUp()
        self.graph(epochs=EPOCHS, seconds=0.1)

    def epochs_done(self) -> int:
        return sum(len(file.read_bytes().splitlines()) for file in (self.folder / "study").glob("trials/*/metrics.jsonl"))

    def check_all(self, study: Study) -> None:
        self.assertEqual(states(study), ["COMPLETE"] * 8)
        self.assertEqual([trial.params["bowl.n"] for trial in study.main.trials], list(range(1, 9)))
        for trial in study.main.trials:
            self.assertAlmostEqual(trial.value, bowl(n=trial.params["bowl.n"], epochs=EPOCHS))
            self.assertEqual(sorted(trial.intermediate_values), list(range(1, EPOCHS + 1)))
            lines = (study.directory(trial.number) / "metrics.jsonl").read_text().splitlines()
            self.assertEqual([json.loads(line)["epoch"] for line in lines], list(range(EPOCHS)))

    def test_kill_9_of_flowtune_of_a_trial_and_of_both(self) -> None:
        file = self.search_file(GRID)
        folder = self.folder / "study"
        chance = random.Random(1)
        for what in ("flowtune", "trial", "both"):
            process = self.start(str(file), "--output", str(folder))
            target = self.epochs_done() + chance.randint(2, 8)
            wait_until(lambda: self.epochs_done() >= target, "some epochs are done")
            runs = runs_in(folder)
            if what != "flowtune":
                for run in runs[: 1 if what == "trial" else None]:
                    os.kill(run, signal.SIGKILL)
            if what == "trial":  # flowtune starts it again
                target = self.epochs_done() + 6
                wait_until(lambda: self.epochs_done() >= target, "it has gone on")
            process.kill()
            process.communicate()
            wait_until(lambda: not runs_in(folder), "the trials have ended with it")
            if what == "flowtune":  # by SIGTERM, from the system: not by themselves
                results = [json.loads(file.read_text()) for file in folder.glob("trials/*/result.json")]
                self.assertIn("interrupted", [result["status"] for result in results])
            self.assertIn("RUNNING", states(Study(self.search(GRID), folder)))
        study = Study(self.search(GRID), folder)
        self.run_here(study)
        self.check_all(study)

    def test_two_processes_on_one_folder_of_which_one_dies(self) -> None:
        file = self.search_file(GRID)
        folder = self.folder / "study"
        one, other = (self.start(str(file), "--output", str(folder), "--jobs", "1") for _ in range(2))

        def holders() -> set[int]:
            return {json.loads(owner.read_text() or '{"pid": 0}')["pid"] for owner in folder.glob("trials/*/owner")} - {0}

        wait_until(lambda: {one.pid, other.pid} <= holders(), "both have a trial")
        one.kill()
        one.communicate()
        output, errors = other.communicate(timeout=600)
        self.assertEqual((other.returncode, errors), (0, ""))
        self.assertIn("was left by a process that has ended, and is gone on with", output)
        self.check_all(Study(self.search(GRID), folder))

    def test_a_signal_stops_it_with_everything_saved(self) -> None:
        file = self.search_file(GRID)
        folder = self.folder / "study"
        process = self.start(str(file), "--output", str(folder))
        wait_until(lambda: self.epochs_done() >= 3, "some epochs are done")
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=600)
        self.assertEqual((process.returncode, errors), (3, ""))
        self.assertIn("stopped by Terminated", output)
        self.assertIn("goes on with the same command", output)
        self.assertEqual(runs_in(folder), [])
        study = Study(self.search(GRID), folder)
        for number in (0, 1):
            self.assertEqual(json.loads((study.directory(number) / "result.json").read_text())["status"], "interrupted")
        self.run_here(study)
        self.check_all(study)

    def test_a_trial_that_had_the_same_signal_first_has_not_died(self) -> None:
        study = self.study(GRID.replace("jobs = 2", "jobs = 1"))
        run = Run(study, study.search, Engine(FLOWRUN, study.search.graph, 1), study.next())
        for _ in range(MOST_DEATHS):
            process = run.process
            wait_until(lambda: (run.work.directory / "state.safetensors").exists() or run.poll(), "it runs")
            process.terminate()
            process.wait()
            self.assertIsNone(run.poll())
        self.assertNotIn("deaths", study.main.trials[0].user_attrs)
        run.stop(signal.SIGKILL)
        run.process.wait()

    def test_a_trial_that_is_killed_again_and_again_has_failed(self) -> None:
        study = self.study(GRID.replace("jobs = 2", "jobs = 1").replace("low = 1, high = 8", "choices = [5]"))
        run = Run(study, study.search, Engine(FLOWRUN, study.search.graph, 1), study.next())
        for _ in range(MOST_DEATHS):
            self.assertIsNone(run.poll())
            run.process.kill()
            run.process.wait()
            how = run.poll()
        self.assertEqual(how, "failed")
        self.assertEqual(study.main.trials[0].user_attrs["reason"], "ended 3 times from outside, at last by signal 9")


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # of what Optuna calls experimental
