"""What the search found: the order of the best, best.toml and trials.csv."""

from __future__ import annotations

import csv
import io
import os
import shlex
import statistics
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from .files import write
from .interval import interval_of_mean
from .study import Study
from .values import limits, shown, to_toml

STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed",
          TrialState.RUNNING: "running", TrialState.WAITING: "waiting"}


@dataclass
class Candidate:
    """One of the best trials, with what it reached again with fresh seeds."""

    number: int
    score: float
    again: dict[int, float]  # by seed
    failed: int  # of these evaluations
    metric: str

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.again.values()) if self.again else None

    def interval(self) -> tuple[float, float] | None:
        return interval_of_mean(list(self.again.values()), limits(self.metric))


def candidates(study: Study) -> list[Candidate]:
    """The best one first: by the mean over fresh seeds, for the best of many noisy scores is too good. One that failed
    with some seed comes after those that did not. Before all are evaluated again, those that are come first."""
    found = []
    for number in study.candidates():
        ended = [one for one in study.again.get_trials(deepcopy=False)
                 if one.user_attrs["of"] == number and one.state.is_finished()]
        again = {one.user_attrs["seed"]: one.value for one in ended if one.state == TrialState.COMPLETE}
        found.append(Candidate(number, study.main.trials[number].value, again, len(ended) - len(again),
                               study.search.metric))
    sign = -1 if study.search.maximize else 1
    found.sort(key=lambda one: (one.failed, one.mean is None, sign * (one.mean if one.mean is not None else one.score)))
    return found


def best_text(one: Candidate) -> str:
    """ "97.10 % over seeds 2, 3, 4 (96.2-98.0)" """
    metric = one.metric
    if one.mean is None:
        return f"{shown(one.score, metric)}, not evaluated with other seeds"
    seeds = ", ".join(str(seed) for seed in sorted(one.again))
    interval = one.interval()
    within = f" (95 % interval {shown(interval[0], metric)} to {shown(interval[1], metric)})" if interval else ""
    return f"{shown(one.mean, metric)} over seed{'s' if len(one.again) > 1 else ''} {seeds}{within}"


def write_best(study: Study, file: Path) -> Candidate | None:
    """A whole graph: what flowrun wrote into the trial's folder, every parameter written out."""
    ranked = candidates(study)
    if not ranked:
        return None
    best, search = ranked[0], study.search
    graph = (study.directory(best.number) / "graph.toml").read_text(encoding="utf-8")
    counts = count(study)
    params = study.main.trials[best.number].params
    better = "higher" if search.maximize else "lower"
    lines = [f"Found by flowtune with {search.file.name}: {search.metric}, where {better} is better,",
             f"{best_text(best)}.",
             f"Trial {best.number} of {counts['all']} ({search.sampler['type']}; {tally(counts)}): "
             f"{shown(best.score, search.metric)} with seed {study.seed_of(best.number)}, the {search.score} of its epochs.",
             "The best of many noisy scores is too good: the figure to expect is the one over other seeds.",
             "Searched were:"]
    lines += [f"  {one.path} = {to_toml(one.value(params[one.path]))}   of {one.words()}" for one in search.space]
    lines += ["Run it:", f"  flowrun {shlex.quote(os.path.relpath(file))}"]
    write(file, "".join(f"# {line}\n" for line in lines) + "\n" + graph)
    return best


def count(study: Study) -> dict[str, int]:
    trials = [one for one in study.main.get_trials(deepcopy=False) if one.state != TrialState.WAITING]
    return {"all": len(trials)} | {name: sum(one.state == state for one in trials) for state, name in STATES.items()}


def tally(counts: dict[str, int]) -> str:
    return f"{counts['complete']} complete, {counts['pruned']} pruned, {counts['failed']} failed"


def seconds(trial: FrozenTrial) -> float:
    return sum(end - begin for begin, end in trial.user_attrs.get("ran", []))


def write_table(study: Study, file: Path) -> None:
    space, again = study.search.space, {one.number: one for one in candidates(study)}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["trial", "state", "score", *(one.path for one in space), "epochs", "seconds", "mean", "low", "high",
                    "seeds", "reason"])
    for trial in study.main.get_trials(deepcopy=False):
        if trial.state == TrialState.WAITING:
            continue
        one = again.get(trial.number)
        interval = one.interval() if one else None
        table.writerow([
            trial.number, STATES[trial.state], "" if trial.value is None else repr(trial.value),
            *(to_toml(p.value(trial.params[p.path])) if p.path in trial.params else "" for p in space),
            len(trial.intermediate_values), f"{seconds(trial):.1f}",
            *(["" if one.mean is None else repr(one.mean), *(interval or ("", "")), len(one.again)] if one else [""] * 4),
            trial.user_attrs.get("reason", "")])
    write(file, text.getvalue())
