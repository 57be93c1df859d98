"""The batch scripts of apps/slurm/, run by a Slurm of one node. TWINFLOW_BUILD_DIR: the build folder."""

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster import Cluster, processes_with, wait_until, why_not

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests"))
from run_results import lines_of, metrics, tensors

BUILD = Path(os.environ.get("TWINFLOW_BUILD_DIR", SOURCE / "build"))
SCRIPTS = SOURCE / "apps" / "slurm"
os.environ["TWINFLOW_BIN"] = str(BUILD / "bin")

MPI = Path("/usr/lib/x86_64-linux-gnu/slurm-wlm/mpi_pmix.so")
WITHOUT_MPI = ("" if (BUILD / "lib" / "twinflow" / "libtwinflow_mpi.so").exists() and MPI.exists() else
               "communicator.mpi or Slurm's pmix is not there")

# What keeps memory from step to step.
GRAPH = """[run]
seed = 3
epochs = 30
steps_per_epoch = 5
{data}
[node.batches]
type = "sample.classes"
from = "data.all"
classes_per_batch = 6

[node.twin]
type = "twin.train"
from = "batches"
loss = {{ type = "all_pairs" }}
optimizer = {{ type = "sgd", learning_rate = 0.01, momentum = 0.9 }}
schedule = {{ type = "time_decay" }}
accumulate = 3
layer = [
  {{ type = "conv", filters = 8, size = 3 }},
  {{ type = "batch_norm" }},
  {{ type = "relu" }},
  {{ type = "dropout", rate = 0.2 }},
  {{ type = "dense", units = 16 }},
]

[node.one_shot]
type = "twin.evaluate"
from = {{ model = "twin.model", data = "data.all" }}
ways = 4
within = "any"
trials = 50

[node.best]
type = "monitor.checkpoint"
from = "one_shot"
monitor = "accuracy"
best = 2
last = true
"""
LAST = "twin, epoch 29, step 149"
GLYPHS = """
[node.data]
type = "data.glyphs"
classes = 60
classes_per_alphabet = 10
samples = 6
size = 16
test_alphabets = 1
validation_alphabets = 1
"""
IMAGES = """
[node.data]
type = "data.images"
path = "nowhere"
"""
SEARCH = """graph = "graph.toml"
metric = "twin.loss"
direction = "minimize"
sampler = "grid"
seeds = 0
[space]
"twin.optimizer.learning_rate" = { choices = [0.01, 0.02, 0.03, 0.04] }
"""


def setUpModule() -> None:
    global cluster
    cluster = Cluster()
    unittest.addModuleCleanup(cluster.close)
    for name, text in {"graph.toml": GRAPH.format(data=GLYPHS), "images.toml": GRAPH.format(data=IMAGES),
                       "search.toml": SEARCH}.items():
        (cluster.folder / name).write_text(text)
    # What is requeued starts again after six seconds, and Slurm looks for time limits, which are whole minutes, every 30
    # seconds: so these begin now, and wait while others are tested.
    global warned, held_warned, timed_out, preempted, staged, unpacked
    scratch = cluster.folder / "scratch"  # the nodes' TMPDIR
    scratch.mkdir()
    write_images(cluster.folder / "images")
    with tarfile.open(cluster.folder / "images.tar.gz", "w:gz") as archive:
        archive.add(cluster.folder / "images", ".")
    warned = submit("train.sbatch", "graph.toml", "--output", "warned", options=("--time=10", "--signal=B:USR1@600"))
    timed_out = submit("train.sbatch", "graph.toml", "--output", "timed_out", options=("--signal=B:USR1@0",))
    preempted = submit("train.sbatch", "graph.toml", "--output", "preempted",
                       options=("--partition=spare", "--cpus-per-task=20"))
    staged = submit("train.sbatch", "images.toml", "--output", "staged", "--stage", "data.path=images.tar.gz")
    held_warned = hold(warned, "warned")  # its signal comes ten minutes before its end: when Slurm looks next
    hold(timed_out, "timed_out")
    wait_until(lambda: cluster.accepts("scontrol", "update", f"jobid={timed_out}", "EndTime=now"),
               "its time is over", every=0.3)  # not within the second in which it has started
    hold(preempted, "preempted")
    cluster.do("sbatch", "--cpus-per-task=20", "--output=/dev/null", "--wrap=sleep 0.5")
    held = hold(staged, "staged")
    unpacked = len(list(scratch.glob("*/*/data/class*/*.pgm")))
    cluster.do("scancel", "--batch", "--signal=USR1", staged)
    let_go(held)


def write_images(folder: Path) -> None:
    """Six classes of four."""
    for kind in range(6):
        (folder / f"class{kind}").mkdir(parents=True)
        for one in range(4):
            pixels = bytes((x * (kind + 1) + y * one) % 256 for y in range(12) for x in range(12))
            (folder / f"class{kind}" / f"{one}.pgm").write_bytes(b"P5 12 12 255\n" + pixels)


def flowruns_of(job: str) -> list[int]:
    array, _, task = job.partition("_")
    where = {"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": task} if task else {"SLURM_JOB_ID": job}
    found = []
    for one in processes_with(SLURM_CONF=str(cluster.folder / "slurm.conf"), **where):
        try:
            if Path(f"/proc/{one}/comm").read_text() == "flowrun\n":
                found.append(one)
        except OSError:
            pass  # it has ended meanwhile
    return found


def hold(job: str, run: str, ranks: int = 1) -> int:
    """Stops a job's flowrun, or one of several, for which the others then wait, once it is in its third epoch or later, so
    that it has not ended when what is tested comes. Slurm lets those that it ends go on (SIGCONT); let_go does so with others."""
    wait_until(lambda: len(flowruns_of(job)) == ranks, f"'{run}' begins", lambda: log_of(job))
    process = flowruns_of(job)[0]

    def stopped_there() -> bool:  # it goes on for moments only: it cannot come to its end meanwhile, however busy the machine
        os.kill(process, signal.SIGSTOP)
        if any(line["epoch"] > 1 for line in lines_of(cluster.folder / run)):
            return True
        os.kill(process, signal.SIGCONT)
        return False
    wait_until(stopped_there, f"'{run}' is under way", lambda: log_of(job))
    return process


def let_go(process: int, by: int = signal.SIGUSR1) -> None:
    """Once it has had a signal."""
    def pending() -> bool:
        (mask,) = re.findall(r"^ShdPnd:\s*(\w+)", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
        return bool(int(mask, 16) & 1 << (by - 1))
    wait_until(pending, "the batch script passes the signal on", cluster.logs)
    os.kill(process, signal.SIGCONT)


def submit(script: str, *arguments: str, options: tuple[str, ...] = (), **environment: str) -> str:
    """The job's number. Its log is NUMBER.log, or NUMBER_TASK.log."""
    log = "%A_%a.log" if any(option.startswith("--array") for option in options) else "%j.log"
    return cluster.do("sbatch", "--parsable", f"--chdir={cluster.folder}", f"--output={log}", "--cpus-per-task=1",
                      "--time=5", *options, str(SCRIPTS / script), *arguments,
                      **{"TMPDIR": str(cluster.folder / "scratch"), **environment}).strip()


def log_of(job: str) -> str:
    try:
        return (cluster.folder / f"{job}.log").read_text()
    except FileNotFoundError:
        return ""


def results(run: Path) -> dict[str, object]:
    """What two runs with the same bits have alike: kept models, the state's tensors, metrics."""
    found: dict[str, object] = {}
    for file in sorted(run.glob("*.safetensors")):
        if not file.name.startswith("state."):
            found[file.name] = file.read_bytes()
    found |= {f"state, {name}": data for name, data in tensors(run / "state.safetensors").items()}
    found |= dict(metrics(run))
    result = json.loads((run / "result.json").read_text())
    return found | {key: result[key] for key in ("status", "reason", "epochs", "steps", "best")}


references: dict[tuple[str, ...], dict[str, object]] = {}


def reference(*arguments: str) -> dict[str, object]:
    """The results of an uninterrupted run outside of Slurm, with another number of threads."""
    if arguments not in references:
        run = cluster.folder / f"reference-{len(references)}"
        subprocess.run([BUILD / "bin" / "flowrun", "graph.toml", *arguments, "--output", run, "--threads", "2", "--quiet"], check=True,
                       cwd=cluster.folder)
        references[arguments] = results(run)
    return references[arguments]


class SlurmTest(unittest.TestCase):
    def wait_for(self, job: str, state: str) -> dict[str, str]:
        """A job's end, in that state and no other."""
        def over() -> bool:
            self.job = cluster.job(job)
            return self.job["JobState"] not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING")
        wait_until(over, f"job {job} ends", lambda: f"{self.job}\n{log_of(job)}\n{cluster.logs()}", every=0.3)
        self.assertEqual(self.job["JobState"], state, log_of(job))
        return self.job

    def assert_same(self, run: str, expected: dict[str, object]) -> None:
        found = results(cluster.folder / run)
        self.assertGreater(len(found), 20)
        self.assertEqual([name for name in {**found, **expected} if found.get(name) != expected.get(name)], [])

    def test_cancelled_is_saved_and_not_requeued(self) -> None:
        job = submit("train.sbatch", "graph.toml", "--output", "cancelled")
        hold(job, "cancelled")
        cluster.do("scancel", job)
        self.assertEqual(self.wait_for(job, "CANCELLED")["Restarts"], "0")
        self.assertIn("cancelled: not requeued; a new job goes on with --output 'cancelled'", log_of(job))
        self.assertEqual(json.loads((cluster.folder / "cancelled/result.json").read_text())["status"], "interrupted")
        new = submit("train.sbatch", "graph.toml", "--output=cancelled")
        self.wait_for(new, "COMPLETED")
        self.assertIn("resumed after ", log_of(new))
        self.assert_same("cancelled", reference())

    @unittest.skipIf(WITHOUT_MPI, WITHOUT_MPI)
    def test_several_processes(self) -> None:
        job = submit("train-mpi.sbatch", "graph.toml", "--output", "several", "--set", "twin.shares=4", options=("--ntasks=2",))
        held = hold(job, "several", ranks=2)
        cluster.do("scancel", "--batch", "--signal=USR1", job)
        let_go(held)
        wait_until(lambda: cluster.job(job)["Restarts"] == "1", "it is requeued", lambda: log_of(job), every=0.3)
        self.wait_for(job, "COMPLETED")
        self.assertIn("2 processes train together; this is rank 0 of 2", log_of(job))
        self.assertIn("stopped by User defined signal 1", log_of(job))
        self.assert_same("several", reference("--set", "twin.shares=4"))

    @unittest.skipIf(WITHOUT_MPI, WITHOUT_MPI)
    def test_the_doctor_sees_the_ranks_that_srun_has_started(self) -> None:
        told = cluster.do("srun", "--mpi=pmix", "--ntasks=2", "--cpus-per-task=1", str(BUILD / "bin" / "flowinspect"), "--doctor")
        self.assertRegex(told, r"Ranks\n  rank 0 of 2 .*\n  rank 1 of 2 .*\n  a number is summed over them in")

    def test_failures_are_not_requeued(self) -> None:
        jobs = {
            "'lerning_rate'; did you mean 'learning_rate'?": (
                "2:0", submit("train.sbatch", "graph.toml", "--set", "twin.optimizer.lerning_rate=1")),
            "failed with exit code 1: not requeued": ("1:0", submit("train.sbatch", "images.toml")),
            "there is no 'missing.tar'": ("2:0", submit("train.sbatch", "images.toml", "--stage", "data.path=missing.tar")),
            "--output lacks its value": ("2:0", submit("train.sbatch", "graph.toml", "--output")),
            "a graph is missing": ("2:0", submit("train.sbatch")),
            "the seeds are missing: sbatch --array=1-5": ("2:0", submit("seeds-array.sbatch", "graph.toml")),
            "there is no flowrun in /nowhere": ("2:0", submit("train.sbatch", "graph.toml", TWINFLOW_BIN="/nowhere")),
            "none.toml": ("2:0", submit("search-array.sbatch", "none.toml")),
            "TWINFLOW_IMAGE: there is no 'none.sif'": ("2:0", submit("train.sbatch", "graph.toml", TWINFLOW_IMAGE="none.sif")),
            "an image has no MPI": ("2:0", submit("train-mpi.sbatch", "graph.toml", TWINFLOW_IMAGE="none.sif")),
        }
        for message, (code, job) in jobs.items():
            with self.subTest(message):
                ended = self.wait_for(job, "FAILED")
                self.assertEqual((ended["ExitCode"], ended["Restarts"]), (code, "0"), log_of(job))
                self.assertIn(message, log_of(job))

    def test_an_image(self) -> None:
        """In place of Apptainer stands a script: that the programs are started in an image, with all that they need."""
        programs, image, scratch = cluster.folder / "programs", cluster.folder / "twinflow.sif", cluster.folder / "scratch"
        programs.mkdir()
        image.touch()
        (programs / "apptainer").write_text(f'''#!/bin/bash
            echo "apptainer: $1 $2 $3 $4 $5 $6 $7"
            shift 6
            exec "{BUILD}/bin/$1" "${{@:2}}"''')
        (programs / "apptainer").chmod(0o755)
        job = submit("train.sbatch", "graph.toml", "--output", "image", TWINFLOW_IMAGE=str(image), TWINFLOW_BIN="/nowhere",
                     PATH=f"{programs}:{os.environ['PATH']}")
        self.wait_for(job, "COMPLETED")
        self.assertIn(f"apptainer: exec --bind {cluster.folder} --bind {scratch} {image} flowrun", log_of(job))
        self.assert_same("image", reference())

    def test_preempted(self) -> None:
        self.assertEqual(self.wait_for(preempted, "COMPLETED")["Restarts"], "1")
        log = log_of(preempted)
        self.assertIn("DUE TO PREEMPTION", log)
        self.assertIn("preempted, or requeued by somebody: starts again", log)
        self.assertIn(f"job {preempted}, restart 1, on node, processors: 20", log)
        self.assert_same("preempted", reference())

    def test_seeds_and_their_summary(self) -> None:
        """Two of three are stopped, by the signal before the time limit and by somebody's requeue."""
        array = submit("seeds-array.sbatch", "graph.toml", "--output", "seeds", options=("--array=1-3",))
        with ThreadPoolExecutor() as pool:  # at the same time: each would go on to its end while others are waited for
            held = dict(pool.map(lambda seed: (seed, hold(f"{array}_{seed}", f"seeds/seed-{seed}")), (1, 2, 3)))
        cluster.do("scancel", "--batch", "--signal=USR1", f"{array}_3")  # to whom Slurm gave the array's own number, too
        let_go(held[3])
        cluster.do("scontrol", "requeue", f"{array}_1")
        os.kill(held[2], signal.SIGCONT)
        restarts = {seed: self.wait_for(f"{array}_{seed}", "COMPLETED")["Restarts"] for seed in (1, 2, 3)}
        self.assertEqual(restarts, {1: "1", 2: "0", 3: "1"})
        self.assertIn("the state is saved: requeued", log_of(f"{array}_3"))
        self.assertIn("preempted, or requeued by somebody: starts again", log_of(f"{array}_1"))
        self.assertIn("1 of 3 seeds have finished", log_of(f"{array}_2"))
        expected = [reference("--set", f"run.seed={seed}") for seed in (1, 2, 3)]
        for seed in (1, 2, 3):
            self.assert_same(f"seeds/seed-{seed}", expected[seed - 1])
        values = [one[LAST]["loss"] for one in expected]
        self.assertEqual(len(set(values)), 3)
        mean = sum(values) / 3
        half = 4.302653 * (sum((value - mean) ** 2 for value in values) / 2) ** 0.5 / 3**0.5
        summary = (cluster.folder / "seeds/summary.txt").read_text()
        self.assertIn("3 of 3 seeds have finished", summary)
        line = next(line for line in summary.splitlines() if line.startswith("twin.loss"))
        for found, value in zip((line.split()[1], line.split()[2], line.split()[4]), (mean, mean - half, mean + half)):
            self.assertAlmostEqual(float(found), value, delta=1e-5 * max(1, abs(value)))
        self.assertIn(summary, log_of(f"{array}_1") + log_of(f"{array}_3"))  # whichever was last

    def test_a_search_in_two_tasks(self) -> None:
        array = submit("search-array.sbatch", "search.toml", "--output", "study", options=("--array=1-2",))
        tasks = {}  # which has which trial
        held = {}
        for trial in (0, 1):
            run = f"study/trials/{trial}"
            wait_until(lambda: lines_of(cluster.folder / run), f"'{run}' is under way", lambda: log_of(f"{array}_1"))
            (tasks[trial],) = (task for task in (1, 2) if f"trials/{trial}" in self.commands_of(array, task))
            held[tasks[trial]] = hold(f"{array}_{tasks[trial]}", run)
        self.assertEqual(set(held), {1, 2})
        cluster.do("scancel", "--batch", "--signal=USR1", f"{array}_2")
        let_go(held[2], signal.SIGTERM)  # by flowtune
        os.kill(held[1], signal.SIGCONT)
        restarts = [self.wait_for(f"{array}_{task}", "COMPLETED")["Restarts"] for task in (1, 2)]
        self.assertEqual(restarts, ["0", "1"])
        self.assertIn("stopped by User defined signal 1", log_of(f"{array}_2"))
        rows = [row.split(",") for row in (cluster.folder / "study/trials.csv").read_text().splitlines()]
        self.assertEqual([(row[0], row[1], row[3]) for row in rows[1:]],
                         [(str(trial), "complete", f"0.0{trial + 1}") for trial in range(4)])
        for trial in range(4):
            steps = [line["step"] for line in lines_of(cluster.folder / f"study/trials/{trial}") if line["node"] == "twin"]
            self.assertEqual(steps, list(range(150)))

    @staticmethod
    def commands_of(array: str, task: int) -> str:
        found = processes_with(SLURM_CONF=str(cluster.folder / "slurm.conf"), SLURM_ARRAY_JOB_ID=array,
                               SLURM_ARRAY_TASK_ID=str(task))
        return "\n".join(Path(f"/proc/{one}/cmdline").read_text().replace("\0", " ") for one in found)

    def test_data_on_the_nodes_own_disk(self) -> None:
        """An archive is unpacked, the graph finds it again after a requeue, and nothing is left. A folder is copied."""
        self.assertEqual(unpacked, 24)
        self.assertEqual(self.wait_for(staged, "COMPLETED")["Restarts"], "1")
        self.assertEqual(log_of(staged).count("slurm: copied "), 2)
        self.assertIn("resumed after ", log_of(staged))
        scratch = cluster.folder / "scratch"
        job = submit("train.sbatch", "images.toml", "--stage=data.path=images", "--epochs", "1")
        self.wait_for(job, "COMPLETED")
        run = cluster.folder / f"runs/images/slurm-{job}"
        self.assertRegex((run / "graph.toml").read_text(), f'path = "{scratch}/twinflow-.*/data/images"')
        self.assertEqual({one.suffix for one in scratch.glob("*/*")}, {".lock"})

    def test_no_step_no_requeue(self) -> None:
        """The signal comes while data are copied: from a pipe, that nobody writes into as yet."""
        pipe = cluster.folder / "pipe.tar"
        os.mkfifo(pipe)
        job = submit("train.sbatch", "graph.toml", "--output", "stepless", "--stage", "data.path=pipe.tar")
        wait_until(lambda: cluster.job(job)["JobState"] == "RUNNING" and log_of(job), "it runs")
        cluster.do("scancel", "--batch", "--signal=USR1", job)
        time.sleep(0.5)  # until the script has it: nothing shows that
        with open(os.open(pipe, os.O_RDWR), "wb") as write:  # does not wait for a reader
            with tarfile.open(fileobj=write, mode="w|"):
                pass
            wait_until(lambda: "slurm: copied " in log_of(job), "it has been read", lambda: log_of(job))
        ended = self.wait_for(job, "FAILED")
        self.assertEqual((ended["ExitCode"], ended["Restarts"]), ("1:0", "0"))
        self.assertIn("not requeued: there was not a step since it started", log_of(job))

    def test_the_time_limit_comes_near(self) -> None:
        let_go(held_warned)
        self.assertIn(self.wait_for(warned, "COMPLETED")["Restarts"], ("1", "2"))  # Slurm may have looked again
        log = log_of(warned)
        self.assertIn("the state is saved: requeued", log)
        for restart in (0, 1):
            self.assertIn(f"job {warned}, restart {restart}, on node, processors: 1", log)
        self.assert_same("warned", reference())

    def test_the_time_limit_has_passed(self) -> None:
        self.assertEqual(self.wait_for(timed_out, "COMPLETED")["Restarts"], "1")
        log = log_of(timed_out)
        self.assertIn("DUE TO TIME LIMIT", log)
        self.assertIn("the state is saved: requeued", log)
        self.assert_same("timed_out", reference())


if __name__ == "__main__":
    if reason := why_not():
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
