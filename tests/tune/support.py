"""What the tests of flowtune share. TWINFLOW_BUILD_DIR: the build folder; the plugin there has a node whose metric is a
closed formula (plugin/bowl.cpp)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Callable

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TWINFLOW_BUILD_DIR", SOURCE / "build"))
FLOWTUNE, FLOWRUN = BUILD / "bin" / "flowtune", BUILD / "bin" / "flowrun"
os.environ["TWINFLOW_PLUGIN_PATH"] = str(BUILD / "tests" / "tune")
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(SOURCE / "apps"))

import optuna  # noqa: E402

from tune.display import Display  # noqa: E402
from tune.engine import Engine  # noqa: E402
from tune.main import search_on  # noqa: E402
from tune.search_file import Search, read_search  # noqa: E402
from tune.study import Study  # noqa: E402

GRAPH = """[run]
epochs = {epochs}
steps_per_epoch = 2

[node.ticks]
type = "test.ticks"
seconds = {seconds}

[node.bowl]
type = "test.bowl"
from = "ticks"
"""
PATIENCE = 300.0  # seconds, on a machine that has other things to do


def bowl(x: float = 0.5, y: float = 0.5, n: int = 5, epochs: int = 2) -> float:
    """Its score after the last epoch, without noise."""
    return (1 - (x - 0.3) ** 2 - (y - 0.7) ** 2 - (n - 5) ** 2 / 100) * (1 - 0.5**epochs)


def wait_until(true: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > until:
            raise AssertionError(f"waited for {PATIENCE} s in vain until {what}")
        time.sleep(0.02)


class NoSignals:
    got = None


class TuneTest(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="twinflow-tune-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.graph()

    def graph(self, epochs: int = 2, seconds: float = 0.0) -> None:
        (self.folder / "graph.toml").write_text(GRAPH.format(epochs=epochs, seconds=seconds))

    def search_file(self, text: str, name: str = "search.toml") -> Path:
        head = 'graph = "graph.toml"\nmetric = "bowl.score"\ndirection = "maximize"\n'
        (self.folder / name).write_text(head + text)
        return self.folder / name

    def search(self, text: str) -> Search:
        return read_search(self.search_file(text))

    def study(self, text: str, folder: str = "study") -> Study:
        return Study(self.search(text), self.folder / folder)

    def run_here(self, study: Study) -> None:
        """The search to its end, in this process: to start Python and load Optuna takes longer than a small search."""
        engine = Engine(FLOWRUN, study.search.graph, 1)
        self.assertTrue(search_on(study, study.search, engine, Display(study.search, quiet=True), NoSignals()))

    def start(self, *arguments: str) -> subprocess.Popen:
        """flowtune, as a process."""
        return subprocess.Popen([FLOWTUNE, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def flowtune(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=PATIENCE)
        return process.returncode, output, errors


def states(study: Study) -> list[str]:
    return [trial.state.name for trial in study.main.trials]


__all__ = ["BUILD", "FLOWRUN", "FLOWTUNE", "SOURCE", "TuneTest", "bowl", "optuna", "states", "unittest", "wait_until"]
