"""Fuzzes every target for a given processor time, and prints what came of it.

    python3 tests/fuzz/long.py --minutes 60                 # each target, one after the other
    python3 tests/fuzz/long.py --minutes 5 csv idx          # only these
    python3 tests/fuzz/long.py --minutes 60 --keep 20000    # and add what was found to tests/fuzz/corpus, up to 20 kB a target

The targets are built first, in build/fuzz (--build): apps/build all has made that folder. What each learns, and every input that
crashes, leaks, needs more than a second or more than 1 GB, is kept in build/fuzz/long/TARGET. Exits with 1 when there is such an
input.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
MORE_SEEDS = {"graph_file": [*(SOURCE / "tests/framework/bad").glob("*.toml"), *(SOURCE / "graphs").rglob("*.toml")]}
LIMITS = ["-timeout=1", "-rss_limit_mb=1024", "-max_len=4096", "-detect_leaks=1"]
KINDS = ("crash", "leak", "timeout", "oom")


@dataclass
class Outcome:
    executions: int
    cpu_seconds: float
    findings: dict[str, int]
    inputs: int  # of the minimised corpus
    slowest_ms: int
    slowest: str


def run(command: list[object], log: Path) -> tuple[str, float]:
    """What it prints, and the processor time that it and its children took."""
    with log.open("wb") as file:
        process = subprocess.Popen([str(part) for part in command], stdout=file, stderr=subprocess.STDOUT, cwd=log.parent)
        usage = os.wait4(process.pid, 0)[2]
    return log.read_text(errors="replace"), usage.ru_utime + usage.ru_stime


def fuzz(name: str, program: Path, folder: Path, seconds: float) -> Outcome:
    found, minimised, more = folder / "found", folder / "minimised", folder / "more"
    for place in (found, minimised, more):
        place.mkdir(parents=True, exist_ok=True)
    for file in MORE_SEEDS.get(name, []):
        shutil.copy(file, more / f"{file.parent.name}-{file.name}")
    seeds = [HERE / "corpus" / name, more]
    executions, cpu = 0, 0.0
    while cpu < 0.95 * seconds:  # on a busy machine it takes longer than that by the clock
        limit = max(1, round(seconds - cpu))
        printed, used = run([program, "-fork=1", "-ignore_crashes=1", *LIMITS, f"-max_total_time={limit}",
                             f"-artifact_prefix={folder}/", found, *seeds], folder / "log.txt")
        counts = [int(number) for number in re.findall(r"^#(\d+): cov", printed, re.MULTILINE)]
        if not counts:
            sys.exit(f"{program} did not fuzz; see {folder / 'log.txt'}")
        executions, cpu = executions + counts[-1], cpu + used
    run([program, "-merge=1", *LIMITS, minimised, *seeds, found], folder / "merge.txt")
    inputs = sorted(minimised.iterdir())
    printed, _ = run([program, *LIMITS, *inputs], folder / "times.txt")
    times = [(int(ms), Path(file).name) for file, ms in re.findall(r"^Executed (.*) in (\d+) ms", printed, re.MULTILINE)]
    slowest = max(times, default=(0, ""))
    findings = {kind: len(list(folder.glob(f"{kind}-*"))) for kind in KINDS}
    return Outcome(executions, cpu, findings, len(inputs), *slowest)


def keep(name: str, folder: Path, most: int) -> None:
    """Adds the smallest of the minimised inputs to the corpus until that has `most` bytes."""
    corpus = HERE / "corpus" / name
    kept = {file.read_bytes() for file in corpus.iterdir()}
    size = sum(map(len, kept))
    for file in sorted((folder / "minimised").iterdir(), key=lambda one: (one.stat().st_size, one.name)):
        data = file.read_bytes()
        if data in kept:
            continue
        size += len(data)
        if size > most:
            return
        shutil.copy(file, corpus / file.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    names = sorted(file.name.removesuffix("_fuzz.cpp") for file in HERE.glob("*_fuzz.cpp"))
    parser.add_argument("targets", nargs="*", help=f"any of {', '.join(names)} (default: all)")
    parser.add_argument("--minutes", type=float, required=True, help="processor time for each target")
    parser.add_argument("--build", type=Path, default=SOURCE / "build" / "fuzz", help="the build folder of the targets")
    parser.add_argument("--keep", type=int, metavar="BYTES", help="add what was found to the corpus, up to so many bytes a target")
    arguments = parser.parse_args()
    for name in arguments.targets:
        if name not in names:
            parser.error(f"there is no target '{name}'; there are {', '.join(names)}")
    targets = arguments.targets or names
    subprocess.run(["cmake", "--build", arguments.build, "--target", *(f"{name}_fuzz" for name in targets)], check=True)

    print(f"{'target':12} {'executions':>12} {'cpu min':>8} {'crashes':>8} {'leaks':>6} {'timeouts':>9} {'ooms':>5} {'inputs':>7}  slowest")
    failed = False
    for name in targets:
        folder = arguments.build.resolve() / "long" / name
        outcome = fuzz(name, arguments.build.resolve() / "bin" / f"{name}_fuzz", folder, 60 * arguments.minutes)
        crashes, leaks, timeouts, ooms = outcome.findings.values()
        print(f"{name:12} {outcome.executions:12} {outcome.cpu_seconds / 60:8.1f} {crashes:8} {leaks:6} {timeouts:9} {ooms:5} "
              f"{outcome.inputs:7}  {outcome.slowest_ms} ms ({outcome.slowest})", flush=True)
        failed |= any(outcome.findings.values())
        if arguments.keep is not None:
            keep(name, folder, arguments.keep)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
