"""Disturbs small trainings in random ways, and checks after each event that nothing was lost and nothing else was touched.

After an event `flowinspect --verify` passes, the run is resumed until it has finished, its models, metrics, tables and pictures are
those of an undisturbed run, bit for bit, a run beside it and the folders around it are as they were, and no process is left behind.

    python3 tests/soak/soak.py --minutes 120 build/bin
    python3 tests/soak/soak.py --list
    python3 tests/soak/soak.py --seed 17 --only kill --events 1 build/bin      # one event once more

It prints a line for each event, and a table at the end. Exits with 1 when something was other than it has to be: the folder of that
event is kept, and its line says how to repeat it. Events that need root, or a program that is not installed, say so and are skipped.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench import GRAPH, OTHER_SEED, Bench, Deviation, Skipped, changes, results, snapshot
from events import EVENTS

IN_NAMESPACE = "TWINFLOW_SOAK_MOUNTS"


def own_mounts() -> None:
    """Starts this program again with mounts of its own, which end with it whatever happens."""
    if os.geteuid() == 0 and IN_NAMESPACE not in os.environ and shutil.which("unshare"):
        command = ["unshare", "--mount", sys.executable, *sys.argv]
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0:
            os.execvpe(command[0], command, os.environ | {IN_NAMESPACE: "1"})


def undisturbed(programs: Path, folder: Path, *arguments: str) -> float:
    """Runs the graph; how many seconds that took."""
    start = time.monotonic()
    subprocess.run([programs / "flowrun", GRAPH, "--output", folder, "--quiet", *arguments], check=True, timeout=600)
    return time.monotonic() - start


def play(name: str, seed: int, programs: Path, base: Path, seconds: float) -> tuple[str, str]:
    """Lets one event happen: (ok, skipped or DEVIATION; what happened)."""
    bench = Bench(programs, base / "reference", base / "neighbour", base / f"{name}-{seed}", seconds, random.Random(f"{seed} {name}"))
    before = snapshot(bench.folder, (bench.run, bench.folder / "output"))
    outcome, deviations = "ok", []
    try:
        EVENTS[name](bench)
        if bench.left_behind():
            deviations.append(f"processes are left behind: {bench.left_behind()}")
    except Deviation as deviation:
        deviations.append(str(deviation))
    except Skipped as reason:
        outcome = "skipped"
        bench.story.append(str(reason))
    finally:
        bench.close()
    touched = [change for change in changes(before, snapshot(bench.folder, (bench.run, bench.folder / "output")))
               if not deviations or str(bench.neighbour) in change]  # else the event's own folders may still be there
    if touched:
        deviations.append("outside of the run: " + ", ".join(touched))
    if deviations:
        outcome = "DEVIATION"
        bench.story.append(f"{'; '.join(deviations)}; kept: {bench.folder}; again: --seed {seed} --only {name} --events 1")
    if outcome != "DEVIATION":
        shutil.rmtree(bench.folder)
    return outcome, ", ".join(bench.story)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("programs", type=Path, nargs="?", default=Path("build/bin"), help="the folder with flowrun and flowinspect")
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--events", type=int, help="end after that many, if the time is not over before")
    parser.add_argument("--seed", type=int, help="of the first event; each further one has the next (default: from the clock)")
    parser.add_argument("--only", action="append", choices=list(EVENTS), metavar="EVENT", help="only this event (repeatable)")
    parser.add_argument("--without", action="append", default=[], choices=list(EVENTS), metavar="EVENT", help="never this event")
    parser.add_argument("--list", action="store_true", help="what events there are")
    arguments = parser.parse_args()
    if arguments.list:
        for name, event in EVENTS.items():
            print(f"{name:20} {event.__doc__}")
        return 0
    own_mounts()
    programs = arguments.programs.resolve()
    seed = arguments.seed if arguments.seed is not None else int(time.time())
    names = [name for name in arguments.only or EVENTS if name not in arguments.without]
    base = Path(tempfile.mkdtemp(prefix="twinflow-soak-"))
    end = time.monotonic() + 60 * arguments.minutes
    seconds = undisturbed(programs, base / "reference")
    undisturbed(programs, base / "neighbour", *OTHER_SEED)
    undisturbed(programs, base / "again", "--threads", "1")
    if results(base / "again") != results(base / "reference"):
        print(f"DEVIATION: two undisturbed runs differ: {base}")
        return 1
    print(f"an undisturbed run takes {seconds:.1f} s; the first event has the seed {seed}", flush=True)

    counts: dict[str, Counter] = {name: Counter() for name in names}
    number = 0
    while time.monotonic() < end and (arguments.events is None or number < arguments.events):
        if number % len(names) == 0:  # each event as often as the others, in an order that changes
            random.Random(f"{seed} order {number}").shuffle(names)
        name = names[number % len(names)]
        start = time.monotonic()
        outcome, story = play(name, seed + number, programs, base, seconds)
        counts[name][outcome] += 1
        print(f"{seed + number} {name}: {outcome} ({time.monotonic() - start:.1f} s): {story}", flush=True)
        number += 1

    print(f"\n{'event':20} {'ok':>6} {'skipped':>8} {'deviations':>11}")
    for name, count in sorted(counts.items()):
        print(f"{name:20} {count['ok']:6} {count['skipped']:8} {count['DEVIATION']:11}")
    total = sum(counts.values(), Counter())
    print(f"{'all':20} {total['ok']:6} {total['skipped']:8} {total['DEVIATION']:11}")
    if total["DEVIATION"] == 0:
        shutil.rmtree(base)
    return 1 if total["DEVIATION"] else 0


if __name__ == "__main__":
    sys.exit(main())
