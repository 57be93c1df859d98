"""SEARCH.toml: what is searched, read and checked."""

from __future__ import annotations

import itertools
import math
import os
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Callable

from .bounded import read_bounded
from .engine import Engine
from .problems import Places, Refused, did_you_mean, read_toml
from .samplers import PRUNERS, SAMPLERS, read_kind
from .space import KEYS as RANGE_KEYS
from .space import BadRange, Parameter, read_parameter, settings, used_names
from .values import better_direction, seconds_of, to_toml

MOST_POINTS = 100_000


@dataclass(frozen=True)
class Key:
    """A key of a search file. `fits`: whether it can have that value; `takes`: what it takes, in words."""

    fits: Callable[[Any], bool]
    takes: str
    doc: str
    default: Any = None


def _integer(low: int, high: int = 10**9) -> dict[str, Any]:
    return {"fits": lambda value: type(value) is int and low <= value <= high, "takes": f"an integer, {low} to {high}"}


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


_TABLE = {"fits": lambda value: isinstance(value, dict), "takes": "a table"}
_KIND = {"fits": lambda value: True, "takes": "a name, or { type = \"...\", ... }"}
KEYS = {
    "graph": Key(_text, "a path", "the graph file, relative to this file; required"),
    "metric": Key(_text, "node.metric", "what is to be best, as \"held_out.accuracy\"; required"),
    "direction": Key(lambda value: value in ("maximize", "minimize"), '"maximize" or "minimize"',
                     "which way it is better; required"),
    "score": Key(lambda value: value in ("best", "last"), '"best" or "last"',
                 "of a trial: the best value of the metric over its epochs, or the last", "best"),
    "set": Key(**_TABLE, doc="values for all trials, by their paths, as { \"run.epochs\" = 4 }; "
               "\"$name\" in them stands for an entry of [space] without a dot"),
    "sampler": Key(**_KIND, doc="which points are tried (below)", default="tpe"),
    "pruner": Key(**_KIND, doc="which trials end early (below)", default="none"),
    "trials": Key(**_integer(1), doc="a budget: how many trials in all; default: a grid has all its points, "
                  "others need trials or max_time"),
    "max_time": Key(lambda value: _text(value) and seconds_of(value) is not None, 'a time, such as "90s" or "1h30m"',
                    "a budget: once trials have run for so long, over all starts, no further one begins"),
    "jobs": Key(**_integer(1, 4096), doc="trials at a time in this process, which divide its cores", default=1),
    "top": Key(**_integer(1, 1000), doc="how many of the best trials are evaluated again", default=3),
    "seeds": Key(**_integer(0, 1000), doc="with how many fresh seeds each; 0: the best score wins", default=3),
    "max_failed_share": Key(lambda value: type(value) in (int, float) and 0 <= value <= 1, "a number, 0 to 1",
                            "the search ends when a larger share of at least 5 trials has failed", 0.5),
    "space": Key(**_TABLE, doc="what is searched, by path: { low, high, log, step } or { choices = [...], names = "
                 "[...] }; two integer bounds make integers; points = 5 cuts a range for a grid; a name without a dot "
                 "has choices that set several paths each, or is used as \"$name\"; required"),
}


@dataclass
class Search:
    file: Path
    places: Places
    graph: Path
    metric: str
    maximize: bool
    score: str
    always: dict[str, Any]
    sampler: dict[str, Any]
    pruner: dict[str, Any]
    trials: int | None
    max_time: float | None
    jobs: int
    top: int
    seeds: int
    max_failed_share: float
    space: list[Parameter]
    from_command_line: set[str] = field(default_factory=set)  # paths of `always`
    graph_files: dict[str, str] = field(default_factory=dict)  # name -> text: the graph and all that it extends

    @property
    def grid(self) -> list[dict[str, Any]] | None:
        """The points of a grid, the last parameter changing fastest; None: it is none."""
        if self.sampler["type"] != "grid":
            return None
        paths = [one.path for one in self.space]
        return [dict(zip(paths, point)) for point in itertools.product(*(one.grid() for one in self.space))]

    def budget(self) -> int | None:
        return self.trials if self.sampler["type"] != "grid" else min(self.trials or self._points, self._points)

    @cached_property
    def _points(self) -> int:
        """Of a grid; asked again and again while trials run."""
        return math.prod(len(one.grid()) for one in self.space)

    def settings(self, suggested: dict[str, Any]) -> dict[str, Any]:
        return settings(self.always, self.space, {one.path: one.value(suggested[one.path]) for one in self.space})


def read_search(file: Path, more: dict[str, Any] | None = None) -> Search:
    """`more`: from the command line, laid over [set]. Raises Refused with everything that is wrong with the file by itself."""
    given, places = read_toml(file)
    wrong: list[str] = []

    def error(key: str, message: str) -> None:
        path = key.removeprefix("set.")
        wrong.append(f"--set {path}: error: {message}" if path in (more or {}) else places.of(key).says(message))

    for key, value in given.items():
        if key not in KEYS:
            error(key, f"a search has no '{key}'{did_you_mean(key, KEYS)} (keys: {', '.join(KEYS)})")
        elif not KEYS[key].fits(value):
            error(key, f"'{key}' takes {KEYS[key].takes}")
    for key in ("graph", "metric", "direction", "space"):
        if key not in given:
            error("", f"'{key}' is missing: {KEYS[key].doc}")
    better = better_direction(given["metric"]) if isinstance(given.get("metric"), str) else None
    if better and given.get("direction") not in (None, better):
        error("direction", f"'{given['metric']}' is better when it is {'higher' if better == 'maximize' else 'lower'}: "
              f"direction = \"{better}\"")
    kinds = {}
    for key, known in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
        try:
            kinds[key] = read_kind(given.get(key, KEYS[key].default), known, key)
        except ValueError as problem:
            error(key, str(problem))
    space = []
    table = given.get("space", {})
    for path, entry in _ranges(table if isinstance(table, dict) else {}, ""):
        try:
            space.append(read_parameter(path, entry))
            if kinds.get("sampler", {}).get("type") == "grid":
                space[-1].grid_size()
            elif space[-1].count is not None:
                raise BadRange("points are for sampler = \"grid\"")
        except BadRange as problem:
            error(f"space.{path}", f"'{path}': {problem}")
    if "space" in given and not table:
        error("space", "[space] is empty: there is nothing to search")
    always = _paths(given.get("set", {}) if isinstance(given.get("set"), dict) else {})
    always |= more or {}
    names = {one.path: one.first() for one in space if "." not in one.path}
    bundles = {one.path for one in space if one.bundle}
    searched = [one.path for one in space if "." in one.path]
    searched += [path for one in space if one.bundle for path in dict.fromkeys(key for choice in one.choices for key in choice)]
    for path, value in always.items():
        if "." not in path:
            error(f"set.{path}", f"'{path}' is no path: write node.parameter or run.parameter")
        if path in searched:
            error(f"set.{path}", f"'{path}' is searched, and cannot be set as well")
        try:
            to_toml(value)
        except TypeError as problem:
            error(f"set.{path}", f"'{path}': {problem}")
    for path in dict.fromkeys(one for one in searched if searched.count(one) > 1):
        error(f"space.{path}", f"'{path}' is searched twice")
    inner = {f"set.{path}": value for path, value in always.items()}
    inner |= {f"space.{one.path}": one.choices for one in space}
    for where, value in inner.items():
        for name in sorted(used_names(value) - set(names)):
            error(where, f"there is no '{name}' in [space] for \"${name}\"{did_you_mean(name, names)}")
    for name in sorted(set(names) - bundles - set().union(*(used_names(value) for value in inner.values()), set())):
        error(f"space.{name}", f"'{name}' is used nowhere: write node.parameter, or \"${name}\" in a value of [set], or "
              "choices that are tables of paths")
    if wrong:
        raise Refused("\n".join([*wrong, f"{len(wrong)} error{'' if len(wrong) == 1 else 's'}"]))

    search = Search(
        file=file, places=places, graph=file.parent / given["graph"], metric=given["metric"],
        maximize=given["direction"] == "maximize", always=always, space=space, from_command_line=set(more or {}),
        max_time=seconds_of(given["max_time"]) if "max_time" in given else None, trials=given.get("trials"),
        **{key: given.get(key, KEYS[key].default) for key in ("score", "jobs", "top", "seeds", "max_failed_share")},
        **kinds)
    if search.sampler["type"] == "grid" and math.prod(one.grid_size() for one in space) > MOST_POINTS:
        raise Refused(places.of("space").says(f"the grid has more than {MOST_POINTS} points"))
    if search.budget() is None and search.max_time is None:
        raise Refused(places.of("trials").says("there is no budget: give trials = 40, say, or max_time = \"1h\""))
    _read_graph_files(search, search.graph)
    return search


def _ranges(table: dict[str, Any], before: str) -> list[tuple[str, Any]]:
    """Entries by path, whether "a.b" is one key or a table in a table."""
    found = []
    for key, value in table.items():
        path = before + key
        if isinstance(value, dict) and value and not RANGE_KEYS & set(value) and all(
                isinstance(one, dict) for one in value.values()):
            found += _ranges(value, path + ".")
        else:
            found.append((path, value))
    return found


def _paths(table: dict[str, Any]) -> dict[str, Any]:
    """run.epochs = 4 without quotes is a table in a table."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if "." not in key and isinstance(value, dict):
            found |= {f"{key}.{inner}": one for inner, one in value.items()}
        else:
            found[key] = value
    return found


def _read_graph_files(search: Search, file: Path) -> None:
    """Their texts tell later whether it still is the same search. What is wrong with them, flowrun says."""
    name = os.path.relpath(file, search.file.parent)
    if name in search.graph_files:
        return
    try:
        text = read_bounded(file)
        search.graph_files[name] = text
        base = tomllib.loads(text).get("extends")
    except (OSError, ValueError, RecursionError):
        return
    if isinstance(base, str):
        _read_graph_files(search, file.parent / base)


def _endless(search: Search) -> str:
    """Why a trial may never end; empty: it will."""
    run: dict[str, Any] = {}
    for text in search.graph_files.values():  # the graph's own before those that it extends
        run = tomllib.loads(text).get("run", {}) | run
    run |= {path.removeprefix("run."): value for path, value in search.always.items() if path.startswith("run.")}
    if run.get("epochs") != "unlimited" or "max_steps" in run or "max_time" in run:
        return ""
    return 'a trial of unlimited epochs may never end: set "run.epochs", "run.max_steps" or "run.max_time" in [set]'


def check_with_engine(search: Search, engine: Engine) -> None:
    """Asks flowrun whether the graph is good, whether a node measures the metric, and of every parameter whether both
    ends, or each choice, are possible by themselves. Raises Refused with all that it says, at its place in the file."""
    firsts = {one.path: one.first() for one in search.space}
    plain = {path: value for path, value in search.always.items() if not used_names(value)}

    if not search.graph.is_file():
        raise Refused(search.places.of("graph").says(f"there is no graph file '{search.graph}'") + "\n1 error")
    wrong: list[str] = []
    told: set[tuple[str, str]] = set()  # a path that is wrong is so for each value

    def ask(values: dict[str, Any], otherwise: str, about: str = "") -> None:
        for complaint in engine.check(values):
            path = complaint.about.partition("=")[0]
            where, message = otherwise, complaint.message
            if complaint.place.startswith("--set"):
                if path == "run.progress":
                    where = "metric"
                elif not about and path in search.always:
                    where = f"set.{path}"
            elif complaint.place:
                message += f" ({complaint.place})"
            if (setting := where.removeprefix("set.")) in search.from_command_line:
                says = f"--set {setting}: error: {message}"
            else:
                says = search.places.of(where).says(f"{about}{message}")
            if (where, message) not in told:
                told.add((where, message))
                wrong.append(says)

    progress = {"run.progress": [search.metric]}
    ask({}, "graph")
    if not wrong:
        ask(progress, "metric")
        ask(plain, "set")
        if endless := _endless(search):
            wrong.append(search.places.of("graph").says(endless))
    if not wrong:
        # Some values only go together: with all others at their first, each has to be possible.
        for one in search.space:
            for label, value in one.ends():
                try:
                    values = settings(search.always, search.space, {**firsts, one.path: value})
                except KeyError as name:
                    raise Refused(search.places.of(f"space.{one.path}").says(f"{name} stands for itself")) from None
                alone = {path: given for path, given in values.items()
                         if path in search.always or path == one.path or "." not in one.path}
                ask(alone, f"space.{one.path}", f"'{one.path}', {label}: ")
    if wrong:
        raise Refused("\n".join([*wrong, f"{len(wrong)} error{'' if len(wrong) == 1 else 's'}"]))
