"""Which points are tried, and which trials end early: Optuna's samplers and pruners by their names in a search file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping

import optuna

from .problems import did_you_mean


@dataclass(frozen=True)
class Option:
    default: int | float | bool
    doc: str
    low: float = 0
    high: float = float("inf")

    def wrong(self, value: Any) -> str:
        """Why it cannot be that value; empty: it can."""
        if isinstance(self.default, bool):
            return "" if isinstance(value, bool) else "is true or false"
        fits = type(value) is int or (isinstance(self.default, float) and type(value) is float)
        kind = "a number" if isinstance(self.default, float) else "an integer"
        return "" if fits and self.low <= value <= self.high else f"is {kind}, {self.range()}"

    def range(self) -> str:
        return f"at least {self.low}" if self.high == float("inf") else f"{self.low} to {self.high}"


@dataclass(frozen=True)
class Kind:
    doc: str
    make: Callable[..., Any]
    options: Mapping[str, Option]


SEED = Option(1, "other numbers give other trials; with one job the same give the same", 0, 2**31)


def _seed(seed: int, number: int) -> int:
    """Of one trial: several processes never draw the same, and who draws does not matter."""
    return (seed * 1_000_003 + number) % 2**32


SAMPLERS = {
    "grid": Kind("every combination once, in order", lambda number: optuna.samplers.RandomSampler(), {}),
    "random": Kind("each value by chance", lambda number, seed: optuna.samplers.RandomSampler(_seed(seed, number)),
                   {"seed": SEED}),
    "tpe": Kind(
        "Bayesian: tree-structured Parzen estimators (Bergstra 2011)",
        lambda number, seed, startup, candidates, multivariate: optuna.samplers.TPESampler(
            seed=_seed(seed, number), n_startup_trials=startup, n_ei_candidates=candidates,
            multivariate=multivariate, constant_liar=True, warn_independent_sampling=False),
        {"seed": SEED, "startup": Option(10, "trials by chance at first"),
         "candidates": Option(24, "points that each trial is the best of", 1, 100000),
         "multivariate": Option(False, "parameters are seen together")}),
    "cmaes": Kind(
        "CMA-ES (Hansen 2001), for numbers; choices are drawn by chance",
        lambda number, seed, startup: optuna.samplers.CmaEsSampler(
            seed=_seed(seed, number), n_startup_trials=startup, warn_independent_sampling=False),
        {"seed": SEED, "startup": Option(1, "trials by chance at first", 1)}),
    "qmc": Kind(
        "a Sobol sequence, which fills the space evenly; choices are drawn by chance",
        lambda number, seed: optuna.samplers.QMCSampler(
            seed=seed, scramble=True, independent_sampler=optuna.samplers.RandomSampler(_seed(seed, number)),
            warn_independent_sampling=False),
        {"seed": SEED}),
}

# Trials report after each epoch, counted from 1.
STARTUP = Option(5, "trials that are not pruned at first")
WARM_UP = Option(1, "epochs in which no trial is pruned")
PRUNERS = {
    "none": Kind("every trial runs to its end", optuna.pruners.NopPruner, {}),
    "median": Kind(
        "ends a trial whose best is behind the median of the others after as many epochs",
        lambda startup, warmup: optuna.pruners.MedianPruner(startup, warmup + 1), {"startup": STARTUP, "warmup": WARM_UP}),
    "percentile": Kind(
        "the same with another share than half",
        lambda startup, warmup, keep: optuna.pruners.PercentilePruner(keep, startup, warmup + 1),
        {"startup": STARTUP, "warmup": WARM_UP, "keep": Option(25.0, "percent that go on", 0, 100)}),
    "successive_halving": Kind(
        "after 1, 4, 16, ... epochs only the best quarter goes on (Li 2018)",
        lambda epochs, factor: optuna.pruners.SuccessiveHalvingPruner(epochs, factor),
        {"epochs": Option(1, "before the first choice", 1, 10**6),
         "factor": Option(4, "one of so many goes on", 2, 1000)}),
}


def read_kind(given: Any, kinds: Mapping[str, Kind], what: str) -> dict[str, Any]:
    """ "tpe" or { type = "tpe", startup = 5 }, with every option written out. Raises ValueError in words."""
    table = {"type": given} if isinstance(given, str) else given
    if not isinstance(table, dict) or not isinstance(table.get("type"), str):
        raise ValueError(f"a {what} is its name, or {{ type = \"...\", ... }}")
    name = table["type"]
    if name not in kinds:
        raise ValueError(f"there is no {what} '{name}'{did_you_mean(name, kinds)} ({what}s: {', '.join(kinds)})")
    options = kinds[name].options
    for key, value in table.items():
        if key == "type":
            continue
        if key not in options:
            raise ValueError(f"{what} '{name}' has no option '{key}'{did_you_mean(key, options)}"
                             f" (options: {', '.join(options) or 'none'})")
        if wrong := options[key].wrong(value):
            raise ValueError(f"'{key}' {wrong}")
    return {"type": name, **{key: table.get(key, option.default) for key, option in options.items()}}


def make_sampler(table: Mapping[str, Any], number: int) -> optuna.samplers.BaseSampler:
    """For the trial of that number."""
    return SAMPLERS[table["type"]].make(number, **{key: value for key, value in table.items() if key != "type"})


def make_pruner(table: Mapping[str, Any]) -> optuna.pruners.BasePruner:
    return PRUNERS[table["type"]].make(**{key: value for key, value in table.items() if key != "type"})
