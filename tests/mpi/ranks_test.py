"""Several ranks under Open MPI's mpirun, on this machine: the same bits for any number of them, signals, deaths, hangs."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests"))
from run_results import lines_of, metrics, tensors
BUILD = Path(os.environ.get("TWINFLOW_BUILD_DIR", SOURCE / "build"))
FLOWRUN = BUILD / "bin" / "flowrun"
GRAPH = Path(__file__).resolve().parent / "shared.toml"


def why_not() -> str:
    if not (BUILD / "lib" / "twinflow" / "libtwinflow_mpi.so").exists():
        return "communicator.mpi was not built: there is no MPI (libopenmpi-dev)"
    if shutil.which("mpirun") is None:
        return "there is no mpirun (openmpi-bin)"
    version = subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout
    return "" if "Open MPI" in version else "mpirun is not Open MPI's"


WHY_NOT = why_not()


def mpirun(ranks: int, *arguments: str) -> list[str]:
    return ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), str(FLOWRUN), *map(str, arguments),
            "--threads", "1"]


@unittest.skipIf(WHY_NOT, WHY_NOT)
class RanksTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="twinflow-ranks-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                                         "TMPDIR": "/tmp"}  # sockets in there have short names

    def start(self, command: list[str]) -> subprocess.Popen:
        process = subprocess.Popen(command, env=self.environment, cwd=self.folder, text=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(process.kill)
        return process

    def run_ranks(self, ranks: int, *arguments: str, code: int = 0) -> str:
        process = self.start(mpirun(ranks, *arguments))
        output = process.communicate(timeout=120)[0]
        self.assertEqual(process.returncode, code, output)
        return output

    def by_one_process(self, epochs: int = 3) -> Path:
        run = self.folder / "alone"
        subprocess.run([FLOWRUN, GRAPH, "--output", run, "--threads", "1", "--quiet", "--epochs", str(epochs)], check=True,
                       timeout=120)
        return run

    def assert_same_run(self, found: Path, expected: Path) -> None:
        self.assertEqual(metrics(found), metrics(expected))
        for name in ("state.safetensors", "best.safetensors"):
            made, wanted = tensors(found / name), tensors(expected / name)
            self.assertEqual(made.keys(), wanted.keys(), name)
            for one, data in wanted.items():
                self.assertTrue(made[one] == data, f"{name}: {one} differs")

    def ranks_of(self, process: subprocess.Popen) -> list[int]:
        """The processes that an mpirun has started, in the order of their ranks."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if f"\nPPid:\t{process.pid}\n" not in (path / "status").read_text():
                    continue
                for one in (path / "environ").read_bytes().split(b"\0"):
                    if one.startswith(b"OMPI_COMM_WORLD_RANK="):
                        found[int(one.split(b"=")[1])] = int(path.name)
            except OSError:  # it is gone
                continue
        return [found[rank] for rank in sorted(found)]

    def steps(self, run: Path) -> int:
        file = run / "metrics.jsonl"
        return file.read_text().count('"node":"twin"') if file.exists() else 0

    def wait_for_steps(self, run: Path, steps: int) -> None:
        for _ in range(600):
            if self.steps(run) >= steps:
                return
            time.sleep(0.05)
        self.fail(f"{run} did not come to step {steps}")

    def test_bits_are_the_same_for_1_2_and_4_ranks(self) -> None:
        alone = self.by_one_process()
        for ranks in (1, 2, 4):
            with self.subTest(ranks):
                run = self.folder / f"ranks{ranks}"
                output = self.run_ranks(ranks, GRAPH, "--output", run, "--set", 'run.distributed="mpi"')
                self.assertIn(f"{ranks} processes train together; this is rank 0 of {ranks} (", output)
                self.assert_same_run(run, alone)

    def test_pairs_and_what_draws_for_each_image_too(self) -> None:
        graph = self.folder / "pairs.toml"
        text = GRAPH.read_text().replace('"sample.classes"', '"sample.pairs"').replace("classes_per_batch = 9", "pairs = 9")
        graph.write_text(text.replace('"all_pairs"', '"contrastive"').replace('"cosine"', '"l2"'))
        subprocess.run([FLOWRUN, graph, "--output", self.folder / "alone", "--quiet"], check=True, timeout=120)
        self.run_ranks(2, graph, "--output", self.folder / "two")
        self.assert_same_run(self.folder / "two", self.folder / "alone")

    def test_batches_of_each_rank_are_those_that_one_process_accumulates(self) -> None:
        # Without batch_norm: one process notes its statistics batch after batch.
        text = GRAPH.read_text().replace('[[node.twin.layer]]\ntype = "batch_norm"\n', "").replace("shares      = 4\n", "")
        graph = self.folder / "each.toml"
        graph.write_text(text.replace("model_every = 5\n", ""))
        alone, run = self.folder / "alone", self.folder / "run"
        subprocess.run([FLOWRUN, graph, "--output", alone, "--quiet", "--set", "run.steps_per_epoch=24", "--set",
                        "twin.accumulate=2"], check=True, timeout=120)
        each = ("--set", "run.batch_per_rank=true")
        self.run_ranks(2, graph, "--output", run, "--max-steps", "17", *each)
        self.assertIn("a step had 2 batches, now it has 1", self.run_ranks(1, "--resume", run, code=2))
        self.run_ranks(2, graph, "--resume", run, *each)
        for name in ("state.safetensors", "best.safetensors"):
            made, wanted = tensors(run / name), tensors(alone / name)
            for one in (key for key in wanted if "record" not in key):
                self.assertTrue(made[one] == wanted[one], f"{name}: {one} differs")
        output = self.run_ranks(2, graph, "--output", self.folder / "scaled", *each, "--set", "twin.scale_learning_rate=sqrt")
        self.assertIn("the learning rate is 1.414 times the graph's, for a batch of each of 2 ranks, from the first update on",
                      output)

    def test_faster_sums(self) -> None:
        alone = self.by_one_process()
        # Of two ranks there is one sum only.
        self.run_ranks(2, GRAPH, "--output", self.folder / "fast", "--set", "run.distributed={type='mpi',reduce='fast'}")
        self.assert_same_run(self.folder / "fast", alone)
        self.run_ranks(4, GRAPH, "--output", self.folder / "fast4", "--set", "run.distributed={type='mpi',reduce='fast'}")
        self.run_ranks(4, GRAPH, "--output", self.folder / "bf16", "--set", "run.distributed={type='mpi',bf16=true}")
        self.run_ranks(4, GRAPH, "--output", self.folder / "f32")
        losses, sent = ({run: [line["metrics"][name] for line in lines_of(self.folder / run) if name in line["metrics"]]
                         for run in ("alone", "fast4", "bf16", "f32")} for name in ("loss", "megabytes_sent"))
        self.assertNotEqual(losses["bf16"], losses["alone"])
        for run in ("fast4", "bf16"):  # the same numbers, rounded otherwise
            for found, expected in zip(losses[run], losses["alone"], strict=True):
                self.assertAlmostEqual(found, expected, delta=0.02)
        self.assertLess(max(sent["bf16"]), 0.7 * min(sent["f32"]))  # embeddings go in full
        output = self.run_ranks(2, GRAPH, "--set", "run.distributed={type='mpi',reduce='fast',bf16=true}", code=2)
        self.assertIn("MPI's own all-reduce does not know bf16", output)

    def test_a_signal_ends_all_at_one_step_and_other_ranks_go_on(self) -> None:
        alone, run = self.by_one_process(40), self.folder / "run"
        process = self.start(mpirun(2, GRAPH, "--output", run, "--epochs", "40"))
        self.wait_for_steps(run, 7)
        process.send_signal(signal.SIGUSR1)  # mpirun hands it on
        output = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 3, output)
        self.assertIn("interrupted: stopped by User defined signal 1", output)
        self.run_ranks(4, "--resume", run)
        self.assert_same_run(run, alone)

    def test_a_signal_to_one_rank_ends_all(self) -> None:
        run = self.folder / "run"
        process = self.start(mpirun(2, GRAPH, "--output", run, "--epochs", "1000"))
        self.wait_for_steps(run, 5)
        os.kill(self.ranks_of(process)[1], signal.SIGTERM)
        output = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 3, output)
        self.assertIn("interrupted: stopped by Terminated", output)

    def test_ranks_killed_ten_times(self) -> None:
        alone, run, draw = self.by_one_process(40), self.folder / "run", random.Random(5)
        save = ("--set", "run.save_steps=3", "--epochs", "40")
        self.run_ranks(2, GRAPH, "--output", run, "--max-steps", "2", *save)
        killed = 0
        for _ in range(10):
            process = self.start(mpirun(draw.choice((2, 4)), GRAPH, "--resume", run, *save))
            wanted, until = self.steps(run) + draw.randint(1, 9), time.monotonic() + 60
            while self.steps(run) < wanted and process.poll() is None and time.monotonic() < until:
                time.sleep(0.002)
            found = self.ranks_of(process)
            if found:
                os.kill(draw.choice(found), signal.SIGKILL)
            output = process.communicate(timeout=60)[0]
            killed += bool(found) and process.returncode != 0  # it may have ended in this moment
            self.assertNotIn("error: ", output)
        self.assertGreaterEqual(killed, 8)
        self.run_ranks(2, GRAPH, "--resume", run, *save)
        self.assert_same_run(run, alone)

    def test_a_rank_that_hangs_is_named(self) -> None:
        run = self.folder / "run"
        process = self.start(mpirun(2, GRAPH, "--output", run, "--set", "run.distributed={type='mpi',timeout=2.0}",
                                    "--set", "run.epochs=1000", "--set", "run.save_steps=5"))
        self.wait_for_steps(run, 12)
        stopped = self.ranks_of(process)[1]
        os.kill(stopped, signal.SIGSTOP)
        began = time.monotonic()
        output = process.communicate(timeout=60)[0]
        self.assertLess(time.monotonic() - began, 20)
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(output, r"rank 0 of 2 \(.+\): .*error: .*: no answer from rank 1 of 2 \(.+\) for 2 s")
        self.assertNotIn(stopped, self.ranks_of(process))
        self.run_ranks(2, "--resume", run, "--set", "run.epochs=1", "--allow-changes")  # the state is good

    def test_the_doctor_sees_all_ranks(self) -> None:
        process = self.start([*mpirun(2)[:6], str(BUILD / "bin" / "flowinspect"), "--doctor"])
        output = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 0, output)
        self.assertRegex(output, r"Ranks\n  rank 0 of 2 \(.+\): .* processors.*; affinity [0-9,-]+; .*; Open MPI v.*\n  rank 1")
        self.assertRegex(output, r"summed over them in [0-9.]+ ms, 16 MiB in [0-9.]+ ms: [0-9.]+ GB/s sent by each")
        self.assertEqual(output.count("oneTBB"), 1)

    def test_a_refused_resume_is_invalid_use(self) -> None:
        self.run_ranks(2, GRAPH, "--output", self.folder / "run", "--max-steps", "1")
        output = self.run_ranks(2, GRAPH, "--resume", self.folder / "run", "--set", "run.seed=4", code=2)
        self.assertIn("run.seed: 3 -> 4", output)

    def test_numbers_that_blow_up_leave_the_last_good_model(self) -> None:
        run = self.folder / "run"
        output = self.run_ranks(2, GRAPH, "--output", run, "--set", "twin.optimizer={type='sgd',learning_rate=1e30}", code=1)
        self.assertRegex(output, r"rank 0 of 2 \(.+\): ")
        self.assertEqual(json.loads((run / "result.json").read_text())["status"], "failed")

    def test_only_the_first_rank_has_what_writes(self) -> None:
        graph = self.folder / "sheets.toml"
        graph.write_text(GRAPH.read_text() + """
[node.sheet]
type = "monitor.montage"
from = "augmented"
[node.table]
type = "monitor.csv"
""")
        self.run_ranks(2, graph, "--output", self.folder / "run", "--trace", self.folder / "trace.json")
        subprocess.run([FLOWRUN, graph, "--output", self.folder / "alone", "--quiet"], check=True, timeout=120)
        self.assert_same_run(self.folder / "run", self.folder / "alone")
        self.assertTrue(list((self.folder / "run").glob("sheet*")), list((self.folder / "run").iterdir()))
        for name in ("trace.json", "trace.json.rank1"):
            json.loads((self.folder / name).read_text())

    def test_ranks_that_differ_are_told_so(self) -> None:
        one, other = mpirun(1, GRAPH, "--output", self.folder / "run"), mpirun(1, GRAPH, "--set", "run.seed=9")
        process = self.start([*one, ":", *other[1:]])
        output = process.communicate(timeout=60)[0]
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(output, r"rank 1 of 2 \(.+\) has another graph than rank 0 of 2")
        self.assertFalse((self.folder / "run").exists())

    def test_batches_that_cannot_be_shared_are_refused(self) -> None:
        output = self.run_ranks(3, GRAPH, "--output", self.folder / "run", code=1)
        self.assertIn("4 shares of a batch cannot be divided among 3 ranks", output)

    def test_an_output_that_is_taken_is_told_of_once(self) -> None:
        self.run_ranks(2, GRAPH, "--output", self.folder / "run", "--max-steps", "1")
        output = self.run_ranks(2, GRAPH, "--output", self.folder / "run", code=1)
        self.assertEqual(output.count("already holds a run"), 1, output)


if __name__ == "__main__":
    unittest.main(verbosity=2)
