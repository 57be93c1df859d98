"""The study in its folder: what was tried, what is to be tried next, by however many processes."""

from __future__ import annotations

import hashlib
import json
import math
import time
import tomllib
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from .bounded import read_bounded
from .files import write
from .locks import JournalFile, JournalLock, Owner, locked, running_since
from .problems import Refused
from .samplers import make_pruner, make_sampler
from .search_file import Search
from .values import to_toml

ENOUGH_TO_JUDGE = 5  # trials, before a share of failed ones ends the search

warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass
class Work:
    """A trial that this process holds. `again`: it evaluates another trial with a fresh seed. `same_as`: the number of
    a trial with the same values, whose score this one has been given; then it is over, and nobody holds it."""

    study: optuna.Study
    trial: optuna.Trial
    name: str
    directory: Path
    settings: dict[str, Any]
    owner: Owner
    taken_over: bool
    again: bool
    same_as: int | None = None

    def frozen(self) -> FrozenTrial:
        return self.study.trials[self.trial.number]


class Study:
    """Two Optuna studies in one journal: "search", and "again" for the evaluation of the best with fresh seeds.

    Whoever makes or takes a trial holds `study.lock` for that moment. A grid's points are queued beforehand, so that
    each is taken once. The numbers of trials are Optuna's; none is lost, for a trial is "running" in the journal
    until somebody tells how it ended, and whoever finds it without a holder goes on with it."""

    def __init__(self, search: Search, folder: Path) -> None:
        self.search, self.folder = search, folder
        if folder.exists() and not folder.is_dir():
            raise Refused(f"error: '{folder}' is no folder: name another one with --output")
        folder.mkdir(parents=True, exist_ok=True)
        journal = folder / "journal.log"
        if not journal.exists() and {one.name for one in folder.iterdir()} - {"study.lock", "journal.lock"}:
            raise Refused(f"error: '{folder}' holds other things than a search: name a new folder with --output")
        with self._locked():
            try:
                self.main, self.again = self._open(JournalStorage(JournalFile(str(journal), JournalLock(journal))))
            except (ValueError, KeyError, TypeError) as error:
                raise Refused(f"error: '{journal}' is not the journal of a search: {error}") from None
            self._same_search()
            self._queue_grid()
        self._held: set[tuple[bool, int]] = set()

    def _open(self, storage: JournalStorage) -> list[optuna.Study]:
        direction = "maximize" if self.search.maximize else "minimize"
        return [optuna.create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True, pruner=pruner)
                for name, pruner in (("search", make_pruner(self.search.pruner)), ("again", optuna.pruners.NopPruner()))]

    def _locked(self):
        return locked(self.folder / "study.lock")

    def _same_search(self) -> None:
        """What makes trials comparable must not change. Budgets may."""
        told = {"metric": self.search.metric, "direction": "maximize" if self.search.maximize else "minimize",
                "score": self.search.score, "sampler": to_toml(self.search.sampler), "pruner": to_toml(self.search.pruner)}
        told |= {f"set.{path}": to_toml(value) for path, value in self.search.always.items()}
        told |= {f"space.{one.path}": one.words() + (" = " + to_toml(one.choices) if one.choices else "")
                 for one in self.search.space}
        told |= {f"the file {name}": hashlib.sha256(text.encode()).hexdigest()[:12]
                 for name, text in self.search.graph_files.items()}
        before = self.main.user_attrs.get("search")
        if before is None:
            write(self.folder / "search.toml", read_bounded(self.search.file))
            self.main.set_user_attr("search", told)
        elif before != told:
            changes = "\n".join(f"  {key}: {before.get(key, '(not there)')} -> {told.get(key, '(not there)')}"
                                for key in [*told, *(set(before) - set(told))] if before.get(key) != told.get(key))
            raise Refused(f"error: '{self.folder}' holds a search of something else:\n{changes}\n"
                          "Its trials cannot be compared: name another folder with --output.")

    def _queue_grid(self) -> None:
        grid = self.search.grid
        for point in grid[len(self.main.trials):] if grid is not None else []:
            self.main.enqueue_trial(point)

    # What is there to do.

    def next(self) -> Work | None:
        """A trial that nobody runs, a new one, or one to be evaluated again; None: there is nothing now."""
        with self._locked():
            trials = self.main.get_trials(deepcopy=False)
            for study, again in ((self.main, False), (self.again, True)):
                for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                    if (again, trial.number) not in self._held and (work := self._take_over(study, trial, again)):
                        return work
            if self._wants_more(trials):
                self.main.sampler = make_sampler(self.search.sampler, len(self._begun(trials)))
                return self._answered(self._new(self.main, again=False))
            if self._main_is_over(trials):
                self._queue_again()
                if self.again.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                    return self._new(self.again, again=True)
            return None

    def over(self) -> bool:
        """There is nothing left, for any process."""
        with self._locked():
            if not self._main_is_over(self.main.get_trials(deepcopy=False)):
                return False
            self._queue_again()
            return all(one.state.is_finished() for one in self.again.get_trials(deepcopy=False))

    def best_score(self) -> float | None:
        scores = [one.value for one in self.main.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
        return (max if self.search.maximize else min)(scores, default=None)

    def given_up(self) -> str:
        """Why the search ends early; empty: it does not."""
        ended = [one for one in self.main.get_trials(deepcopy=False) if one.state.is_finished()]
        failed = [one for one in ended if one.state == TrialState.FAIL]
        if len(ended) < ENOUGH_TO_JUDGE or len(failed) <= self.search.max_failed_share * len(ended):
            return ""
        reasons = Counter(one.user_attrs.get("reason", "?") for one in failed).most_common(5)
        lines = "".join(f"\n  {count} x {reason}" for reason, count in reasons)
        return f"{len(failed)} of {len(ended)} trials failed, more than max_failed_share allows:{lines}"

    def seconds(self) -> float:
        """For how long trials have run: what several did at a time counts once, what lies between two starts does not."""
        spans = [tuple(span) for one in self.main.get_trials(deepcopy=False) for span in one.user_attrs.get("ran", [])]
        spans += [(since, time.time()) for one in self.main.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                  if (since := running_since(self._owner_file(False, one)))]
        total = end = 0.0
        for begin, until in sorted(spans):
            total += max(0.0, until - max(begin, end))
            end = max(end, until)
        return total

    def _begun(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        return [one for one in trials if one.state != TrialState.WAITING]

    def _wants_more(self, trials: list[FrozenTrial]) -> bool:
        budget = self.search.budget()
        return ((budget is None or len(self._begun(trials)) < budget)
                and (self.search.max_time is None or self.seconds() < self.search.max_time) and not self.given_up())

    def _main_is_over(self, trials: list[FrozenTrial]) -> bool:
        return not self._wants_more(trials) and all(one.state.is_finished() for one in self._begun(trials))

    def _queue_again(self) -> None:
        """The best trials with fresh seeds, those that are not queued yet."""
        queued = [(one.user_attrs["of"], one.user_attrs["seed"]) for one in self.again.get_trials(deepcopy=False)]
        for number in [] if self.given_up() else self.candidates():
            seed = self.seed_of(number)
            for fresh in range(seed + 1, seed + 1 + self.search.seeds):
                if (number, fresh) not in queued:
                    self.again.enqueue_trial({}, user_attrs={"of": number, "seed": fresh})

    # What came of it.

    def candidates(self) -> list[int]:
        """The best trials, the best first; of several with the same values the first."""
        complete = [one for one in self.main.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
        complete.sort(key=lambda one: (-one.value if self.search.maximize else one.value, one.number))
        seen, best = set(), []
        for one in complete:
            values = json.dumps(one.params, sort_keys=True)
            if values not in seen:
                seen.add(values)
                best.append(one.number)
        return best[: self.search.top]

    def directory(self, number: int) -> Path:
        return self.folder / "trials" / str(number)

    def seed_of(self, number: int) -> int:
        with open(self.directory(number) / "graph.toml", "rb") as graph:
            return tomllib.load(graph)["run"]["seed"]

    # Of one trial.

    def _owner_file(self, again: bool, trial: FrozenTrial | optuna.Trial) -> Path:
        return self._directory(again, trial) / "owner"

    def _directory(self, again: bool, trial: FrozenTrial | optuna.Trial) -> Path:
        if not again:
            return self.directory(trial.number)
        return self.folder / "again" / f"{trial.user_attrs['of']}-seed-{trial.user_attrs['seed']}"

    def _new(self, study: optuna.Study, again: bool) -> Work:
        trial = study.ask()
        owner = Owner.take(self._owner_file(again, trial))
        if owner is None:
            raise RuntimeError(f"trial {trial.number} is new, and somebody holds it")
        return self._work(trial, owner, again, False)

    def _answered(self, work: Work) -> Work:
        """A sampler may ask for the same values again, where there are few. The seed is the same, and so is the score."""
        known = next((one for one in self.main.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
                      if one.params == work.trial.params), None)
        if known is None:
            return work
        for epoch, score in known.intermediate_values.items():
            work.trial.report(score, epoch)
        work.same_as = known.number
        self.tell(work, known.state, known.value, f"the same values as trial {known.number}")
        return work

    def _take_over(self, study: optuna.Study, trial: FrozenTrial, again: bool) -> Work | None:
        owner = Owner.take(self._owner_file(again, trial))
        if owner is None:
            return None
        if study.get_trials(deepcopy=False)[trial.number].state.is_finished():  # told of just before it was let go
            owner.release()
            return None
        study.sampler = make_sampler(self.search.sampler, trial.number)
        return self._work(optuna.Trial(study, trial._trial_id), owner, again, True)

    def _work(self, trial: optuna.Trial, owner: Owner, again: bool, taken_over: bool) -> Work:
        """Of a trial that was taken over, what is not yet chosen is chosen now."""
        self._held.add((again, trial.number))
        if owner.before:
            self._ran(trial, *owner.before)
        if again:
            of, seed = trial.user_attrs["of"], trial.user_attrs["seed"]
            settings = {**self.search.settings(self.main.trials[of].params), "run.seed": seed}
            name = f"trial {of} with seed {seed}"
        else:
            suggested = {one.path: trial._suggest(one.path, one.distribution()) for one in self.search.space}
            settings = self.search.settings(suggested)
            name = f"trial {trial.number}"
        return Work(trial.study, trial, name, self._directory(again, trial), settings, owner, taken_over, again)

    @staticmethod
    def _ran(trial: optuna.Trial, begin: float, end: float) -> None:
        trial.set_user_attr("ran", [*trial.user_attrs.get("ran", []), [begin, end]])

    def put_down(self, work: Work) -> None:
        """It is to be gone on with later, by whoever comes."""
        self._ran(work.trial, work.owner.began, time.time())
        self.let_go(work)

    def let_go(self, work: Work) -> None:
        work.owner.release()
        self._held.discard((work.again, work.trial.number))

    def tell(self, work: Work, state: TrialState, score: float | None = None, reason: str = "") -> None:
        if work.owner.beat():  # else whoever has it now tells
            if reason:
                work.trial.set_user_attr("reason", reason)
            self._ran(work.trial, work.owner.began, time.time())
            if state == TrialState.COMPLETE and (score is None or not math.isfinite(score)):
                raise ValueError("a complete trial has a score")
            work.study.tell(work.trial.number, score if state == TrialState.COMPLETE else None, state)
        self.let_go(work)
