"""Locks that end with the process that holds them, and who runs which trial."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

try:
    from optuna.storages.journal import JournalFileBackend as JournalFile, JournalFileOpenLock
except ImportError:  # before Optuna 4
    from optuna.storages import JournalFileOpenLock, JournalFileStorage as JournalFile

# Where two machines share a folder whose file system keeps no locks between them, a trial is dead when nobody has
# shown up for so long.
SILENCE = 60.0  # seconds


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Between threads, processes and, where the file system does so (NFS 4 does), machines. Opened to write, which
    NFS asks for. Raises OSError where a file system has no locks at all."""
    with open(file, "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


class JournalLock(JournalFileOpenLock):
    """In place of Optuna's own locks, which are files that a killed process leaves behind: all others would then wait
    for ever. A line that a process could not finish, as the power failed, is cut off: it says nothing, but the
    next would be glued to it."""

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self._journal, self._file = journal, journal.with_suffix(".lock")

    def acquire(self) -> bool:
        self._held = open(self._file, "ab")
        fcntl.flock(self._held, fcntl.LOCK_EX)
        with open(self._journal, "rb+") as journal:
            size = journal.seek(0, os.SEEK_END)
            journal.seek(max(size - 1, 0))
            if size and journal.read() != b"\n":
                journal.seek(0)
                journal.truncate(journal.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        self._held.close()


def _boot() -> str:
    """Names the running system: within it, locks are always kept."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass
class Owner:
    """Holds a trial: an open file with a lock, which the trial's flowrun inherits. So a trial is free once both have
    ended, however they did. The file says who holds it, and its time that they are alive."""

    file: Path
    descriptor: int
    token: str
    began: float
    before: tuple[float, float] | None  # from when to when the one before us has had it

    @staticmethod
    def take(file: Path) -> Owner | None:
        """None: somebody holds it. Only while the study is locked."""
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody has it; or there are no locks here, which the study would have found out
            os.close(descriptor)
            return None
        before = None
        said = _read(file)
        if said:
            heard = os.fstat(descriptor).st_mtime
            if said["boot"] != _boot() and _now_at(file.parent) - heard < SILENCE:
                os.close(descriptor)
                return None
            before = (said["began"], heard)
        owner = Owner(file, descriptor, uuid.uuid4().hex, time.time(), before)
        said = {"token": owner.token, "boot": _boot(), "host": socket.gethostname(), "pid": os.getpid(),
                "began": owner.began}
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(said).encode(), 0)
        return owner

    def beat(self) -> bool:
        """Shows that we are alive. False: another has taken the trial over, thinking that we are not."""
        if _read(self.file).get("token") != self.token:
            return False
        os.utime(self.file)
        return True

    def release(self) -> None:
        os.close(self.descriptor)


def running_since(file: Path) -> float | None:
    return _read(file).get("began")


def _read(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text())
        return said if isinstance(said, dict) and "token" in said else {}
    except (OSError, ValueError):
        return {}


def _now_at(folder: Path) -> float:
    """The time by the clock that also dates the files there."""
    probe = folder / f".clock-{uuid.uuid4().hex}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink()
