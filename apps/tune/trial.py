"""One trial: a flowrun process whose metrics are followed while it runs."""

from __future__ import annotations

import errno
import json
import math
import shutil
import signal
import subprocess
import time
from pathlib import Path

from optuna.trial import TrialState

from .engine import FINISHED, INTERRUPTED, FAILED, INVALID, Engine, last_error
from .search_file import Search
from .study import Study, Work

BEAT_EVERY = 2.0  # seconds
LEAST_FREE = 2**24  # bytes: with less, a trial that fails has failed for want of room
MOST_DEATHS = 3  # of a trial's process: then the trial has failed


class Follower:
    """Reads the metric as metrics.jsonl grows."""

    def __init__(self, file: Path, metric: str, maximize: bool, score: str) -> None:
        self._file, self._pick = file, (max if maximize else min) if score == "best" else lambda values: values[-1]
        self._node, _, self._name = metric.partition(".")
        self._forget()

    def _forget(self) -> None:
        self._offset = 0
        self.values: dict[int, list[float]] = {}  # by epoch
        self.epoch = -1  # the last that any node has reported of
        self.last_is_number = False

    def read(self) -> None:
        """A run that is resumed cuts the file back to where its state was saved, and writes the same lines again."""
        try:
            size = self._file.stat().st_size
            if size < self._offset:
                self._forget()
            if size == self._offset:
                return
            with open(self._file, "rb") as file:
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return
        for line in new[: new.rfind(b"\n") + 1].splitlines():
            try:
                said = json.loads(line)
                epoch, measured = said["epoch"], said["metrics"] if said["node"] == self._node else {}
            except (ValueError, KeyError):  # it was cut back and has grown again since
                return self._forget()
            self.epoch = max(self.epoch, epoch)
            if self._name in measured:
                value = measured[self._name]
                self.last_is_number = value is not None and math.isfinite(value)
                if self.last_is_number:
                    self.values.setdefault(epoch, []).append(value)
        self._offset += new.rfind(b"\n") + 1

    def of_epoch(self, epoch: int) -> float:
        return self._pick(self.values[epoch])

    def score(self) -> float | None:
        return self._pick([self.of_epoch(epoch) for epoch in sorted(self.values)]) if self.values else None


class Run:
    """Starts the process, goes on with what is there, and tells the study how it ended."""

    def __init__(self, study: Study, search: Search, engine: Engine, work: Work) -> None:
        self.work, self._study, self._engine = work, study, engine
        self.follower = Follower(work.directory / "metrics.jsonl", search.metric, search.maximize, search.score)
        self._metric, self._last = search.metric, search.score == "last"
        self._reported = {step - 1 for step in work.frozen().intermediate_values}
        self._pruned = self._stopped = False
        self._beat_at = self.began = time.monotonic()
        self._errors = work.directory / "errors.txt"
        self.process: subprocess.Popen | None = None
        if not self._has_ended():
            self._start()

    def _has_ended(self) -> bool:
        """Whoever had it before has died between its end and telling of it."""
        try:
            return json.loads((self.work.directory / "result.json").read_text())["status"] in ("finished", "stopped")
        except (OSError, ValueError, KeyError):
            return False

    def _start(self) -> None:
        self.process = self._engine.start(self.work.directory, self.work.settings, self._errors, self.work.owner.descriptor)

    def stop(self, by: int = signal.SIGTERM) -> None:
        """It ends at the next item with its state saved."""
        self._stopped = True
        if self.process:
            self.process.send_signal(by)

    def poll(self) -> str | None:
        """None while it runs; else how it ended: "complete", "pruned", "failed", "stopped", "taken"."""
        if time.monotonic() - self._beat_at > BEAT_EVERY:
            self._beat_at = time.monotonic()
            if not self.work.owner.beat():
                return self._leave()
        code = self.process.poll() if self.process else FINISHED
        self.follower.read()
        self._report(ended=code is not None)
        if code is None:
            return None
        if code == FINISHED:
            return self._complete()
        if self._pruned:
            return self._tell(TrialState.PRUNED, "pruned")
        if code == FAILED and (free := shutil.disk_usage(self.work.directory).free) < LEAST_FREE:
            self._study.put_down(self.work)  # it goes on once there is room
            raise OSError(errno.ENOSPC, f"only {free / 1e6:.0f} MB are left on the disk, and {self.work.name} has failed: "
                          f"{self._reason()}", str(self.work.directory))
        if code in (FAILED, INVALID):
            return self._tell(TrialState.FAIL, "failed", self._reason())
        if self._stopped:
            self._study.put_down(self.work)
            return "stopped"
        if code in (INTERRUPTED, -signal.SIGTERM):  # asked to end, but not by us: perhaps we shall be asked next
            self._start()
            return None
        # Killed from outside, by the system for want of memory perhaps.
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        deaths = self.work.trial.user_attrs.get("deaths", 0) + 1
        self.work.trial.set_user_attr("deaths", deaths)
        if deaths >= MOST_DEATHS:
            return self._tell(TrialState.FAIL, "failed", f"ended {deaths} times from outside, at last by {how}")
        self._start()
        return None

    def _report(self, ended: bool) -> None:
        """What an epoch has reached is known when the next one reports, or the run has ended."""
        for epoch in sorted(self.follower.values):
            if epoch in self._reported or (epoch >= self.follower.epoch and not ended):
                continue
            self._reported.add(epoch)
            self.work.trial.report(self.follower.of_epoch(epoch), epoch + 1)
            if not ended and not self._pruned and self.work.trial.should_prune():
                self._pruned = True
                if self.process:
                    self.process.terminate()

    def _complete(self) -> str:
        score = self.follower.score()
        if score is not None and self._last and not self.follower.last_is_number:
            return self._tell(TrialState.FAIL, "failed", f"{self._metric} was no number in the end")
        if score is None:
            return self._tell(TrialState.FAIL, "failed", f"{self._metric} was never measured as a number")
        return self._tell(TrialState.COMPLETE, "complete", score=score)

    def _reason(self) -> str:
        return last_error(self._errors.read_text(errors="replace")) or "flowrun did not say why"

    def _tell(self, state: TrialState, how: str, reason: str = "", score: float | None = None) -> str:
        """What only serves to go on is removed; of a trial that was pruned its models, too."""
        for file in self.work.directory.glob("*.safetensors"):
            if file.name.startswith("state.") or state != TrialState.COMPLETE:
                file.unlink(missing_ok=True)
        self._study.tell(self.work, state, score, reason)
        return how

    def _leave(self) -> str:
        """Another has taken the trial over, since we were silent for too long."""
        if self.process:
            self.process.kill()
            self.process.wait()
        self._study.let_go(self.work)
        return "taken"
