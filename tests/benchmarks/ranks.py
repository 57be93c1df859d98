"""Speed of 2 ranks of 1 thread each beside 1 process of 2 threads, in one run, one after the other in turn:
    python3 tests/benchmarks/ranks.py [build/bin/flowrun [GRAPH [options of flowrun]]]
Prints images/s (median over steps), their ratio, what a rank sends in a step, in what part of the time messages are under way, and how
much of that is hidden behind training. GRAPH: graphs/koch2015.toml, which needs Omniglot."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
STEPS, ROUNDS = 8, 3
flowrun = Path(sys.argv[1] if len(sys.argv) > 1 else SOURCE / "build" / "bin" / "flowrun").resolve()
graph = Path(sys.argv[2] if len(sys.argv) > 2 else SOURCE / "graphs" / "koch2015.toml").resolve()
options = sys.argv[3:]
ways = {"1 process of 2 threads": ([], "2"),
        "2 ranks of 1 thread": (["mpirun", "--bind-to", "core", "-n", "2"], "1")}
environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}

speeds: dict[str, list[float]] = {way: [] for way in ways}
messages: dict[str, list[float]] = {"waiting_for_ranks": [], "messages": [], "megabytes_sent": []}
with tempfile.TemporaryDirectory() as folder:
    for turn in range(ROUNDS):
        for way, (launcher, threads) in ways.items():
            run = Path(folder) / f"{turn}-{threads}"
            subprocess.run([*launcher, flowrun, graph, "--output", run, "--threads", threads, "--max-steps", str(STEPS), "--quiet",
                            *options], env=environment, check=True)
            for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines()):
                if (speed := line["metrics"].get("images_per_second")) is not None:
                    speeds[way].append(speed)
                    for name in messages if launcher else ():
                        messages[name].append(line["metrics"][name])
            print(f"{way}: {statistics.median(speeds[way]):.1f} images/s", flush=True)

alone, ranks = (statistics.median(speeds[way]) for way in ways)
waiting, under_way, sent = (statistics.median(values) for values in messages.values())
print(f"{graph.name}: 2 ranks of 1 thread have {ranks / alone:.3f} of the speed of 1 process of 2 threads")
print(f"the first rank sends {sent:.1f} MB in a step; messages are under way in {100 * under_way:.1f} % of the time, the first rank waits "
      f"in {100 * waiting:.1f} %: {100 * (1 - waiting / under_way):.0f} % of the communication is hidden")
