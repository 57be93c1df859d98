"""What keeping models and saving states costs: Koch's network (0.16 GB of weights, 0.47 GB of state with Adam's
moments), an epoch of a few steps, with nothing kept, with a model kept after every epoch, with the state saved after
every epoch, and with both.

Run: python3 tests/benchmarks/checkpoint.py build/bin/flowrun [--epochs 4] [--steps 20] [--folder DIR]
Each figure is the median over the epochs but the first, from the first step of an epoch to that of the next, all
variants in one go on one machine. What a save costs is that much more than nothing, however long an epoch is.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--classes", type=int, default=8)
parser.add_argument("--folder", help="on the disk in question")
options = parser.parse_args()

GRAPH = """
[run]
epochs = {epochs}
steps_per_epoch = {steps}
save_every = {save_every}
[node.glyphs]
type = "data.glyphs"
classes = 320
samples = 4
size = 105
[node.batches]
type = "sample.classes"
from = "glyphs.train"
classes_per_batch = {classes}
[node.twin]
type = "twin.train"
from = "batches"
network = "koch2015"
distance = "weighted_l1"
loss = "bce"
optimizer = {{ type = "adam", learning_rate = 1e-5 }}
[node.one_shot]
type = "twin.evaluate"
from = {{ model = "twin.model", data = "glyphs.test" }}
ways = 2
trials = 2
"""
KEPT = """
[node.kept]
type = "monitor.checkpoint"
from = "one_shot"
best = 0
last = true
"""


def seconds_of_epochs(folder, keep, save):
    text = GRAPH.format(epochs=options.epochs + 2, steps=options.steps, classes=options.classes,
                        save_every=1 if save else 0)
    (folder / "graph.toml").write_text(text + (KEPT if keep else ""))
    run = folder / "run"
    subprocess.run([options.program, folder / "graph.toml", "--output", run, "--quiet"], check=True)
    begins = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["node"] == "twin":
            begins.setdefault(entry["epoch"], entry["time"])
    sizes = {file.suffix and file.name: file.stat().st_size for file in run.glob("*.safetensors")}
    shutil.rmtree(run)
    times = [begins[epoch] for epoch in sorted(begins)]
    return statistics.median(b - a for a, b in zip(times[1:], times[2:])), sizes


with tempfile.TemporaryDirectory(dir=options.folder) as name:
    folder = pathlib.Path(name)
    base = None
    for keep, save in ((False, False), (True, False), (False, True), (True, True), (False, False)):
        seconds, sizes = seconds_of_epochs(folder, keep, save)
        base = base or seconds
        what = " and ".join(["the model kept"] * keep + ["the state saved"] * save) or "nothing"
        print(f"{what:36} {seconds:7.2f} s an epoch of {options.steps} steps, speed x {base / seconds:.3f}, "
              f"{seconds - base:+6.2f} s;  largest file {max(sizes.values(), default=0) / 1e9:.2f} GB", flush=True)
