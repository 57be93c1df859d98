"""Two ranks of 1 thread each, on two hosts that a cable of known speed joins (network namespaces; as root):
    python3 tests/benchmarks/network.py [build/bin/flowrun [GRAPH [options of flowrun]]]
Prints, for each speed and for gradients in f32 and in bf16, the time of a step (median), what of it the first rank waits, what it sends,
how long the cable takes for that at least, and the step that scaling_model.py foretells from the first line. GRAPH:
graphs/koch2015.toml, which needs Omniglot."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "mpi"))
import scaling_model
import two_hosts

STEPS = 10
GIGABITS = (None, 10.0, 2.5, 1.0)  # a second; None: as fast as two cores are
flowrun = Path(sys.argv[1] if len(sys.argv) > 1 else SOURCE / "build" / "bin" / "flowrun").resolve()
graph = Path(sys.argv[2] if len(sys.argv) > 2 else SOURCE / "graphs" / "koch2015.toml").resolve()
options = sys.argv[3:]
if why := two_hosts.why_not():
    sys.exit(f"network.py: {why}")

print(f"{graph.name}, 2 ranks of 1 thread\n{'cable':>12}  numbers  step, s  waiting, s  sent, MB  on the cable, s  foretold, s")
compute = 0.0  # a step without waiting
for gigabits in GIGABITS:
    for numbers in ("f32", "bf16"):
        with two_hosts.TwoHosts(gigabits and f"{gigabits}gbit") as hosts, tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            command = [str(flowrun), str(graph), "--output", str(run), "--threads", "1", "--max-steps", str(STEPS), "--quiet", "--set",
                       f"run.distributed={{type='mpi',bf16={'true' if numbers == 'bf16' else 'false'}}}", *options]
            subprocess.run(hosts.mpirun(1, *command), check=True)
            lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        times = [line["time"] for line in lines if "loss" in line["metrics"]]
        steps = [after - before for before, after in zip(times[1:], times[2:])]  # the first ones make room
        timed = [line["metrics"] for line in lines if "megabytes_sent" in line["metrics"]]
        step, sent = statistics.median(steps), statistics.median(one["megabytes_sent"] for one in timed)
        waiting = step * statistics.median(one["waiting_for_ranks"] for one in timed)
        compute = compute or step - waiting
        least = f"{8e-3 * sent / gigabits:.2f}" if gigabits else ""
        foretold = scaling_model.seconds(scaling_model.KOCH, compute, 2, gigabits, 4 if numbers == "f32" else 2)
        print(f"{f'{gigabits:g} Gbit/s' if gigabits else 'unlimited':>12}  {numbers:>7}  {step:7.2f}  {waiting:10.2f}  {sent:8.1f}  {least:>15}  {foretold:11.2f}",
              flush=True)
