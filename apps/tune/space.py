"""The values that are searched: ranges and choices, by paths of the graph or by names that [set] refers to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from .values import to_toml

KEYS = {"low", "high", "log", "step", "points", "choices", "names"}


class BadRange(Exception):
    """What is wrong with one entry of [space]."""


@dataclass
class Parameter:
    """`path`: node.parameter or run.parameter; a name without a dot stands for itself wherever "$name" is written in
    [set] or among choices, or is a bundle."""

    path: str
    low: float | int = 0
    high: float | int = 0
    log: bool = False
    step: float | int | None = None
    count: int | None = None  # `points` of a grid
    choices: list[Any] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    @property
    def integer(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def bundle(self) -> bool:
        """Each choice sets several values, by their paths."""
        return "." not in self.path and bool(self.choices) and all(
            isinstance(one, dict) and one and all("." in key for key in one) for one in self.choices)

    def distribution(self) -> BaseDistribution:
        if self.choices:
            return CategoricalDistribution(self.labels)
        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def value(self, suggested: Any) -> Any:
        """What goes into the graph for what Optuna suggests: for a choice, that is its label."""
        return self.choices[self.labels.index(suggested)] if self.choices else suggested

    def ends(self) -> Iterator[tuple[str, Any]]:
        """What has to be possible, with what to call it."""
        if self.choices:
            for label, value in zip(self.labels, self.choices):
                yield f"choice {label if len(label) < 60 else label[:57] + '...'}", value
        else:
            yield f"low = {self.low}", self.low
            yield f"high = {self.high}", self.high

    def first(self) -> Any:
        return next(self.ends())[1]

    def grid_size(self) -> int:
        """How many values a grid visits at most. Raises BadRange where that is not said."""
        if self.choices or self.count is not None:
            return len(self.choices) or self.count
        if self.step is None and not self.integer:
            raise BadRange("a grid needs choices, a step, or how many points: write points = 5")
        return round((self.high - self.low) / (self.step or 1)) + 1

    def grid(self) -> list[Any]:
        """The values that a grid visits, as Optuna suggests them."""
        if self.choices:
            return list(self.labels)
        if self.count is not None:
            low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
            inner = [low + (high - low) * i / (self.count - 1) for i in range(1, self.count - 1)]
            inner = [math.exp(one) if self.log else one for one in inner]
            return list(dict.fromkeys([self.low, *(round(one) if self.integer else one for one in inner), self.high]))
        step = self.step or 1
        return [min(self.low + i * step, self.high) for i in range(self.grid_size())]  # 0.1 three times is above 0.3

    def words(self) -> str:
        if self.choices:
            return f"{len(self.choices)} choices: " + ", ".join(self.labels)
        return f"{self.low} to {self.high}" + (", by its logarithm" if self.log else "") + (
            f", in steps of {self.step}" if self.step else "")


def read_parameter(path: str, given: Any) -> Parameter:
    """Raises BadRange with what is wrong."""
    if not isinstance(given, dict):
        raise BadRange("it takes { low = ..., high = ... } or { choices = [...] }")
    unknown = sorted(set(given) - KEYS)
    if unknown:
        raise BadRange(f"there is no '{unknown[0]}' in it: it takes low, high, log, step, points, or choices, names")
    if "choices" in given:
        return _read_choices(path, given)
    if "names" in given:
        raise BadRange("names are for choices")
    for key in ("low", "high"):
        if type(given.get(key)) not in (int, float) or not math.isfinite(given[key]):
            raise BadRange(f"'{key}' is {'not a number' if key in given else 'missing'}")
    low, high, log = given["low"], given["high"], given.get("log", False)
    step, points = given.get("step"), given.get("points")
    if low >= high:
        raise BadRange(f"the range is empty: low is {low} and high is {high}")
    if type(low) is not type(high):
        low, high = float(low), float(high)
    if not isinstance(log, bool):
        raise BadRange("'log' is true or false")
    if log and low <= 0:
        raise BadRange(f"with log the range begins above 0, and low is {low}")
    if step is not None:
        if type(step) not in (int, float) or not 0 < step <= high - low:
            raise BadRange("'step' is a number above 0 that the range holds at least once")
        if log:
            raise BadRange("log and step are both given; only one of them can be")
        if isinstance(low, int) and not isinstance(step, int):
            raise BadRange(f"the bounds are integers, and step is {step}: write them with a point, as {low}.0")
        steps = (high - low) / step
        if abs(steps - round(steps)) > 1e-8:
            raise BadRange(f"from {low} to {high} is no whole number of steps of {step}")
        if isinstance(low, float):
            step = float(step)
    if points is not None:
        if type(points) is not int or not 2 <= points <= 10000:
            raise BadRange("'points' is an integer, 2 to 10000")
        if step is not None:
            raise BadRange("points and step are both given; only one of them can be")
    return Parameter(path, low, high, log, step, points)


def _read_choices(path: str, given: dict) -> Parameter:
    choices, names = given["choices"], given.get("names")
    extra = sorted(set(given) - {"choices", "names"})
    if extra:
        raise BadRange(f"choices and {extra[0]} are both given; only one of them can be")
    if not isinstance(choices, list) or not choices:
        raise BadRange("'choices' is a list of at least one value")
    if names is not None and (not isinstance(names, list) or len(names) != len(choices)
                              or not all(isinstance(one, str) for one in names)):
        raise BadRange(f"'names' is a list of texts, one for each of the {len(choices)} choices")
    try:
        labels = names or [one if isinstance(one, str) else to_toml(one) for one in choices]
    except TypeError as error:
        raise BadRange(str(error)) from None
    twice = [one for one in labels if labels.count(one) > 1]
    if twice:
        raise BadRange(f"{twice[0]} is among the choices twice")
    return Parameter(path, choices=choices, labels=labels)


def fill_in(value: Any, names: Mapping[str, Any]) -> Any:
    """Puts the values of names in place of every "$name". Raises KeyError with a name that there is not, or that
    stands for itself."""
    if isinstance(value, str) and value.startswith("$"):
        name = value[1:]
        return fill_in(names[name], {one: inner for one, inner in names.items() if one != name})
    if isinstance(value, list):
        return [fill_in(one, names) for one in value]
    if isinstance(value, dict):
        return {key: fill_in(one, names) for key, one in value.items()}
    return value


def used_names(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value[1:]} if value.startswith("$") else set()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return set().union(*(used_names(one) for one in inner))


def settings(always: Mapping[str, Any], space: list[Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """All that is set in the graph for a trial, by path. `values`: of every parameter."""
    names = {one.path: values[one.path] for one in space if "." not in one.path}
    paths = {one.path: values[one.path] for one in space if "." in one.path}
    for one in space:
        if one.bundle:
            paths |= values[one.path]
    return fill_in({**always, **paths}, names)
