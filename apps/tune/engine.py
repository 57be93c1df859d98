"""flowrun, as a program: it checks graphs and runs trials."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from .values import to_toml

FINISHED, FAILED, INVALID, INTERRUPTED = 0, 1, 2, 3


@dataclass(frozen=True)
class Complaint:
    """One error of `flowrun --check`."""

    place: str  # FILE:LINE:COLUMN; "--set:..." when it is about a value that was set
    message: str
    about: str  # the line that it stands on: of --set, the whole argument


def settings_arguments(settings: Mapping[str, Any]) -> list[str]:
    """A whole table goes before what is set inside of it."""
    ordered = sorted(settings, key=lambda path: path.count("."))
    return [part for path in ordered for part in ("--set", f"{path}={to_toml(settings[path])}")]


def cores(program: Path) -> int:
    """How many processors a flowrun would use here, as flowinspect beside it tells."""
    told = subprocess.run([program.with_name("flowinspect"), "--doctor"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    found = re.search(r"^processors +(\d+) of ", told.stdout, re.MULTILINE)
    if not found:
        raise OSError(f"flowinspect --doctor does not tell how many processors there are: {last_error(told.stderr)}")
    return int(found[1])


class Engine:
    def __init__(self, program: Path, graph: Path, threads: int | None = None) -> None:
        self.program, self.graph, self.threads = program, graph, threads

    def check(self, settings: Mapping[str, Any]) -> list[Complaint]:
        arguments = [str(self.program), str(self.graph), "--check", *settings_arguments(settings)]
        done = subprocess.run(arguments, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode == FINISHED:
            return []
        lines = done.stderr.splitlines()
        found = []
        for number, line in enumerate(lines):
            placed = re.match(r"(.+:\d+:\d+): error: (.*)", line)
            if not placed:
                continue
            rest = [one[2:] for one in lines[number + 1:] if one.startswith("  ") and not one.startswith("  note: ")]
            found.append(Complaint(placed[1], placed[2], rest[0] if rest else ""))
        return found or [Complaint("", last_error(done.stderr) or f"flowrun ended with {done.returncode}", "")]

    def start(self, directory: Path, settings: Mapping[str, Any], errors: Path, lock: int) -> subprocess.Popen:
        """Begins a run, or goes on with the one that is there. It ends when this process does, even by kill -9, for
        the system sends it SIGTERM then; until it has ended, it holds the lock that it is given. It has a session of
        its own, so that Ctrl-C reaches it only through us."""
        saved = any((directory / name).exists() for name in ("state.safetensors", "state.previous.safetensors"))
        arguments = ["setpriv", "--pdeathsig", "TERM", str(self.program)]
        if saved:
            arguments += ["--resume", str(directory)]
        else:
            arguments += [str(self.graph), "--output", str(directory), *settings_arguments(settings)]
        arguments += ["--quiet", *(["--threads", str(self.threads)] if self.threads else [])]
        with open(errors, "wb") as stderr:
            return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                                    pass_fds=(lock,), start_new_session=True)


def last_error(text: str) -> str:
    """The message of the last error line that flowrun printed; without one, the last line that says anything."""
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
    return errors[-1] if errors else lines[-1] if lines else ""


def find_flowrun() -> Path:
    """Beside this program, as it was called: in the build folder, or where it is installed."""
    here = Path(sys.argv[0]).absolute().parent
    for folder in (here, Path(sys.argv[0]).resolve().parent, here.parent / "build" / "bin"):
        if (folder / "flowrun").is_file():
            return folder / "flowrun"
    raise FileNotFoundError(f"there is no flowrun beside '{here / 'flowtune'}'")
