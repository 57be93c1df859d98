"""graphs/search: each ready search is listed, is good, and runs, shortened."""

import os
import re
from pathlib import Path

from support import FLOWRUN, SOURCE, TuneTest, unittest

from tune.engine import Engine
from tune.search_file import check_with_engine, read_search
from tune.study import Study

SEARCHES = SOURCE / "graphs" / "search"
OMNIGLOT = Path(os.environ.get("TWINFLOW_OMNIGLOT", SOURCE / ".." / "shared" / "data" / "omniglot"))
GLYPHS = {"glyphs.classes": 340, "glyphs.samples": 2, "glyphs.size": 16, "run.epochs": 1, "run.steps_per_epoch": 1,
          "held_out.trials": 20}
SHORT = {
    "batch-size": {path: value for path, value in GLYPHS.items() if path != "run.steps_per_epoch"},
    "optimizer": GLYPHS | {"one_shot.trials": 20, "batches.classes_per_batch": 8},
    "train": GLYPHS | {"one_shot.trials": 20, "batches.classes_per_batch": 8},
    "augmentation": GLYPHS | {"one_shot.trials": 20, "batches.classes_per_batch": 8},
    "topology": GLYPHS | {"batches.classes_per_batch": 8},
    "koch2015": {"run.epochs": 1, "run.steps_per_epoch": 1, "pairs.pairs": 1, "held_out.ways": 2, "held_out.trials": 2,
                 "omniglot.path": str(OMNIGLOT.resolve()),
                 "omniglot.split": {"by": "maker", "validation": 0.1, "test": 0.8}},
    "omniglot": {"run.epochs": 1, "run.steps_per_epoch": 1, "batches.classes_per_batch": 8, "one_shot.trials": 20,
                 "averaged.copies": 1, "omniglot.size": 28, "omniglot.path": str(OMNIGLOT.resolve())},
}


class GraphsTest(TuneTest):
    def test_each_is_listed_and_says_what_it_is(self) -> None:
        listed = set(re.findall(r"^\| `([a-z0-9-]+)\.toml` \|", (SEARCHES / "README.md").read_text(), re.MULTILINE))
        self.assertEqual(listed, {file.stem for file in SEARCHES.glob("*.toml")})
        for file in SEARCHES.glob("*.toml"):
            self.assertNotRegex(file.read_text(), "MEASURE-ME", file.name)  # figures to fill in
        self.assertNotIn("MEASURE-ME", (SEARCHES / "README.md").read_text())

    def test_each_is_good(self) -> None:
        for name in SHORT:
            search = read_search(SEARCHES / f"{name}.toml")
            check_with_engine(search, Engine(FLOWRUN, search.graph))

    def test_each_runs(self) -> None:
        for name, less in SHORT.items():
            with self.subTest(name):
                if "omniglot.path" in less and not OMNIGLOT.is_dir():
                    self.skipTest(f"there is no Omniglot in '{OMNIGLOT}'; TWINFLOW_OMNIGLOT may name its folder")
                search = read_search(SEARCHES / f"{name}.toml", less)
                search.trials, search.seeds, search.max_failed_share = 1, 0, 1.0
                study = Study(search, self.folder / name)
                self.run_here(study)
                self.assertEqual(study.main.trials[0].state.name, "COMPLETE", study.main.trials[0].user_attrs)


if __name__ == "__main__":
    unittest.main(warnings="ignore", verbosity=2)  # of what Optuna calls experimental
