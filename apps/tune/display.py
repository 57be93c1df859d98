"""What is shown: a line for each trial that ends and, on a terminal, those that run below it."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

from .outcome import count, tally
from .search_file import Search
from .study import Study
from .text import shown_lines
from .trial import Run
from .values import clock, shown, to_toml

EVERY = 0.5  # seconds


class Display:
    def __init__(self, search: Search, quiet: bool) -> None:
        self._search, self._quiet = search, quiet
        self._terminal = not quiet and sys.stdout.isatty()
        self._lines, self._at = 0, 0.0
        last = [one.path.rpartition(".")[2] for one in search.space]
        twice = {name for name, times in Counter(last).items() if times > 1}
        self._names = {one.path: one.path if name in twice else name for one, name in zip(search.space, last)}

    def say(self, line: str) -> None:
        if self._quiet:
            return
        self._clear()
        print(shown_lines(line), flush=True)

    def ended(self, run: Run, how: str, best: bool) -> None:
        score, metric = run.follower.score(), self._search.metric
        epochs = len(run.follower.values)
        what = {"complete": shown(score, metric), "pruned": f"pruned at {shown(score, metric)}", "failed": "failed",
                "stopped": "stopped, to be gone on with", "taken": "another process has taken it over"}[how]
        reason = run.work.frozen().user_attrs.get("reason", "") if how == "failed" else ""
        self.say(f"{run.work.name:<10} {what:<12}{' best' if best else '     '}  {self.values(run)}"
                 f"  {epochs} epoch{'' if epochs == 1 else 's'} {clock(time.monotonic() - run.began)}"
                 + (f"\n           {reason}" if reason else ""))

    def values(self, run: Run) -> str:
        params = run.work.trial.params if not run.work.again else {}
        return "  ".join(f"{self._names[path]}={_short(value)}" for path, value in params.items())

    def running(self, study: Study, runs: list[Run]) -> None:
        if not self._terminal or time.monotonic() - self._at < EVERY:
            return
        self._clear()
        self._at = time.monotonic()
        width = os.get_terminal_size().columns
        counts, budget = count(study), self._search.budget()
        metric = self._search.metric
        lines = [f"{run.work.name:<10} {shown(run.follower.score(), metric):<12}  epoch {run.follower.epoch + 1}"
                 f"  {clock(time.monotonic() - run.began)}  {self.values(run)}" for run in runs]
        lines.append(f"{counts['all']}{f'/{budget}' if budget else ''} trials: {tally(counts)}, {counts['running']} running; "
                     f"{clock(study.seconds())}")
        sys.stdout.write("".join(line[: width - 1] + "\n" for line in lines))
        sys.stdout.flush()
        self._lines = len(lines)

    def _clear(self) -> None:
        if self._lines:
            sys.stdout.write(f"\033[{self._lines}A\033[J")
            self._lines = 0


def _short(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else value if isinstance(value, str) else to_toml(value)
    return text if len(text) <= 40 else text[:37] + "..."
