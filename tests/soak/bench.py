"""What an event of the soak test works with: a folder of its own with a run that is disturbed and one that must not be."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from run_results import TIMES, metrics, tensors  # noqa: E402

GRAPH = Path(__file__).with_name("graph.toml")
OTHER_SEED = ("--set", "run.seed=7")
PATIENCE = 60.0  # seconds until a run counts as hung, on a machine that has other things to do
MARK = "TWINFLOW_SOAK"  # an environment variable, by which processes left behind are found


class Deviation(Exception):
    """What an event found to be other than it has to be."""


class Skipped(Exception):
    """Why an event cannot take place on this machine."""


def snapshot(folder: Path, without: tuple[Path, ...] = ()) -> dict[str, tuple]:
    """Every file, folder and link below a folder with what would change if somebody wrote there."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in without]
        for name in folders + files:
            path = Path(place, name)
            if path in without:
                continue
            if path.is_symlink():
                found[str(path)] = ("link", os.readlink(path))
            elif path.is_file():
                found[str(path)] = ("file", path.stat().st_mtime_ns, hashlib.sha1(path.read_bytes()).hexdigest())
            else:
                found[str(path)] = (oct(path.stat().st_mode),)
    return found


def changes(before: dict, after: dict) -> list[str]:
    return [f"{'changed' if name in before and name in after else 'new' if name in after else 'gone'}: {name}"
            for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]


def table(file: Path) -> list[list[str]]:
    """A CSV file without its columns of times."""
    rows = list(csv.reader(file.read_text().splitlines()))
    kept = [i for i, name in enumerate(rows[0]) if name != "time" and name.split(".", 1)[-1] not in TIMES] if rows else []
    return [[row[i] for i in kept] for row in rows]


def results(run: Path) -> dict[str, object]:
    """What two runs with the same bits have alike, by name."""
    found: dict[str, object] = {}
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        if path.suffix in (".tmp", ".part") or name.startswith("state.next"):
            found[name] = "left over"
        elif path.is_symlink():
            found[name] = os.readlink(path)
        elif path.suffix == ".png" or (path.suffix == ".safetensors" and not name.startswith("state.")):
            found[name] = path.read_bytes()
    found |= {f"state, {name}": value for name, value in tensors(run / "state.safetensors").items()}
    result = json.loads((run / "result.json").read_text())
    found |= {f"result.json, {name}": result[name] for name in ("status", "reason", "epochs", "steps", "best")}
    found["table.csv"] = table(run / "table.csv")
    found["metrics.jsonl"] = sorted(metrics(run), key=lambda line: [int(number) for number in re.findall(r"\d+", line[0])])
    return found


class Bench:
    """One event's folder:

        runs/run        the run that is disturbed
        runs/neighbour  a finished run with another seed
        empty/, home/, tmp/  working directory, HOME and TMPDIR of every process, which stay as they are
        output/         what each process printed
    """

    def __init__(self, programs: Path, reference: Path, neighbour: Path, folder: Path, seconds: float, rng: random.Random):
        self.programs, self.reference, self.folder, self.rng = programs, reference, folder, rng
        self.seconds = seconds  # that an undisturbed run takes
        self.run, self.neighbour = folder / "runs" / "run", folder / "runs" / "neighbour"
        for name in ("runs", "empty", "home", "tmp", "output"):
            (folder / name).mkdir(parents=True)
        self.graph = folder / "graph.toml"
        shutil.copy(GRAPH, self.graph)
        shutil.copytree(neighbour, self.neighbour, symlinks=True)
        self.story: list[str] = []  # what happened, for the line that is printed
        self.processes: list[subprocess.Popen] = []
        self.ends: list[callable] = []  # called when the event is over, the last one first
        self.environment = os.environ | {MARK: folder.name, "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}

    # Processes

    def start(self, *arguments: object, program: str = "flowrun", **how: object) -> subprocess.Popen:
        """Starts a program in a process group of its own, with its output in output/ unless `how` says otherwise."""
        log = open(self.folder / "output" / f"{len(self.processes)}.txt", "wb")
        log.write((" ".join(map(str, (program, *arguments))) + "\n").encode())
        log.flush()
        how = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "env": self.environment} | how
        process = subprocess.Popen([self.programs / program, *map(str, arguments)], cwd=self.folder / "empty", process_group=0,
                                   **how)
        log.close()
        process.log = Path(log.name)
        self.processes.append(process)
        return process

    def train(self, *arguments: object, **how: object) -> subprocess.Popen:
        """Starts the run anew, or resumes it where it has a state."""
        graph = [self.graph] if self.rng.random() < 0.5 or not self.has_state() else []
        where = "--resume" if self.has_state() else "--output"
        return self.start(*graph, where, self.run, "--threads", self.rng.randint(1, 3), *arguments, **how)

    def wait(self, process: subprocess.Popen, what: str = "it ends", seconds: float = PATIENCE) -> int:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            stacks = self.folder / "output" / "stacks.txt"
            with stacks.open("wb") as file:
                if shutil.which("gdb"):
                    subprocess.run(["gdb", "-p", str(process.pid), "-batch", "-ex", "thread apply all bt 16"], stdout=file,
                                   stderr=file, timeout=60, check=False)
            raise Deviation(f"waited {seconds:.0f} s in vain until {what}") from None

    def wait_until(self, true: callable, process: subprocess.Popen, seconds: float = PATIENCE) -> bool:
        """False when the process has ended before, or the time is over."""
        until = time.monotonic() + seconds
        while not true():
            if process.poll() is not None or time.monotonic() > until:
                return False
            time.sleep(0.0005)
        return True

    def wait_moment(self, process: subprocess.Popen) -> bool:
        """Waits for a random moment: while it opens, trains or writes. False when the process has ended before."""
        kind = self.rng.choices(("start", "training", "writing"), (1, 3, 2))[0]
        self.story.append(f"at {kind}" if kind == "start" else f"while {kind}")
        if kind == "start":
            return not self.ends_within(process, self.rng.uniform(0, 0.5))
        self.wait_until((self.run / "metrics.jsonl").exists, process)
        if self.ends_within(process, self.rng.uniform(0, self.seconds * 0.7)):
            return False
        if kind == "writing":
            self.wait_until(self.half_written, process, 2.0)
        return process.poll() is None

    def half_written(self) -> bool:
        try:
            return any(name.endswith((".tmp", ".part")) or name == "state.next.safetensors" for name in os.listdir(self.run))
        except OSError:
            return False

    def ends_within(self, process: subprocess.Popen, seconds: float) -> bool:
        try:
            process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def said(self, process: subprocess.Popen) -> str:
        return process.log.read_text(errors="replace")

    def expect(self, process: subprocess.Popen, *codes: int, what: str = "it ends", seconds: float = PATIENCE) -> int:
        """Waits for the end of a process, which has to have one of these exit codes (negative: killed by that signal)."""
        code = self.wait(process, what, seconds)
        ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self.story.append(ended)
        if code not in codes:
            last = self.said(process).strip().splitlines()[-1:]
            raise Deviation(f"{ended}, expected {' or '.join(map(str, codes))}; it said last: {''.join(last)}")
        return code

    def left_behind(self) -> list[int]:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.folder.name}\0".encode() in (place / "environ").read_bytes():
                    found.append(int(place.name))
            except OSError:
                pass
        return found

    # The run

    def has_state(self) -> bool:
        return any((self.run / name).exists() for name in ("state.safetensors", "state.previous.safetensors"))

    def saved_since(self, moment: float) -> bool:
        state = self.run / "state.safetensors"
        return state.exists() and state.stat().st_mtime > moment

    def has_finished(self) -> bool:
        try:
            return json.loads((self.run / "result.json").read_text())["status"] == "finished"
        except (OSError, ValueError, KeyError):
            return False

    def verify(self, run: Path | None = None) -> None:
        process = self.start("--verify", run or self.run, program="flowinspect")
        if self.wait(process) != 0:
            raise Deviation("flowinspect --verify finds: " + "; ".join(
                line.strip() for line in self.said(process).splitlines()[1:] if ": good" not in line))

    def interrupted(self, *arguments: object) -> bool:
        """Starts the run, and stops it at a random moment after its second state. False when it has finished before."""
        process = self.train(*arguments)
        if self.wait_until((self.run / "state.previous.safetensors").exists, process):
            self.ends_within(process, self.rng.uniform(0, self.seconds * 0.5))
        process.send_signal(signal.SIGTERM)
        return self.expect(process, 0, 3) == 3

    def finish(self, lost: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> None:
        """Resumes the run until it has finished, and compares it with the undisturbed one."""
        self.resume()
        self.verify()
        self.compare(lost, without)

    def resume(self) -> None:
        """Resumes the run until it has finished; on the way it may be killed."""
        kills = self.rng.choice((0, 0, 1, 2))
        while not self.has_finished():
            process = self.train()
            if kills > 0:
                kills -= 1
                started = time.time()
                self.wait_moment(process)
                process.kill()
                self.expect(process, 0, -signal.SIGKILL)
                if self.saved_since(started):  # before, what the event has damaged is still as it was
                    self.verify()
            else:
                self.expect(process, 0)
                if not self.has_finished():
                    raise Deviation("exit code 0, but result.json does not say that the run has finished")

    def compare(self, lost: tuple[str, ...] = (), without: tuple[str, ...] = (), run: Path | None = None) -> None:
        """Compares a run with the undisturbed one. `lost`: results of which the event has taken a part away (metrics.jsonl,
        table.csv): what is there has to be right, what came last has to be there. `without`: what is not looked at."""
        found, expected = results(run or self.run), results(self.reference)
        for name in without:
            found.pop(name), expected.pop(name)
        for name in lost:
            lines, all_lines = found.pop(name), expected.pop(name)
            if any(line not in all_lines for line in lines) or not lines or lines[-1] != all_lines[-1]:
                raise Deviation(f"{name} has lines that an undisturbed run does not have, or lacks its last one")
        differing = sorted(name for name in found.keys() | expected.keys()
                           if name not in found or name not in expected or found[name] != expected[name])
        if differing:
            raise Deviation("it differs from an undisturbed run: " + ", ".join(differing))

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for end in reversed(self.ends):
            end()
