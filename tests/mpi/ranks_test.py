"""Several ranks under Open MPI's mpirun, on this machine: the same bits for any number of them, signals, deaths, hangs."""

import json
import os
import random
import signal
import subprocess
import time
import unittest

from ranks import BUILD, FLOWRUN, GRAPH, IS_OPEN_MPI, WHY_NOT, Ranks, launcher, mpirun
from run_results import lines_of, tensors


@unittest.skipIf(WHY_NOT, WHY_NOT)
class RanksTest(Ranks):
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
        refused = self.run_ranks(4, "--resume", run, code=2)
        self.assertIn("a step had 2 batches, now it has 4", refused)
        self.assertNotIn("MPI_ABORT", refused)
        self.assertEqual(refused.count("was saved by another graph"), 1)
        self.run_ranks(2, graph, "--resume", run, *each)
        for name in ("state.safetensors", "best.safetensors"):
            made, wanted = tensors(run / name), tensors(alone / name)
            for one in (key for key in wanted if "record" not in key):
                self.assertTrue(made[one] == wanted[one], f"{name}: {one} differs")
        for scale, factor in (("sqrt", 2 ** 0.5), ("linear", 2.0)):
            scaled = self.folder / scale
            output = self.run_ranks(2, graph, "--output", scaled, *each, "--set", f"twin.scale_learning_rate={scale}")
            self.assertIn(f"the learning rate is {factor:.4g} times the graph's, for a batch of each of 2 ranks, from the first update",
                          output)
            rates = [[line["metrics"]["learning_rate"] for line in lines_of(one) if line["node"] == "twin"][:12] for one in (run, scaled)]
            for before, after in zip(*rates, strict=True):
                self.assertAlmostEqual(after, factor * before)

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
        os.kill(self.ranks()[1], signal.SIGTERM)
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
            found = self.ranks()
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
        process = self.start(mpirun(2, GRAPH, "--output", run, "--set", "run.distributed={type='mpi',timeout=5.0}",
                                    "--set", "run.epochs=1000", "--set", "run.save_steps=5"))
        self.wait_for_steps(run, 12)
        stopped = self.ranks()[1]
        os.kill(stopped, signal.SIGSTOP)
        began = time.monotonic()
        output = process.communicate(timeout=60)[0]
        self.assertLess(time.monotonic() - began, 20)
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(output, r"rank 0 of 2 \(.+\): .*error: .*: no answer from rank 1 of 2 \(.+\) for 5 s")
        if IS_OPEN_MPI:  # which ends it, and need not wait until it is gone; MPICH leaves it as it is
            until = time.monotonic() + 20
            while stopped in self.ranks() and time.monotonic() < until:
                time.sleep(0.1)
            self.assertNotIn(stopped, self.ranks())
        for left in self.ranks():
            os.kill(left, signal.SIGKILL)
        self.run_ranks(2, "--resume", run, "--set", "run.epochs=1", "--allow-changes")  # the state is good

    def test_where_one_rank_refuses_the_newest_state_all_use_the_one_before(self) -> None:
        graph, run, whole = self.folder / "graph.toml", self.folder / "run", self.folder / "whole"
        graph.write_text(f'extends = "{GRAPH}"\n[node.picky]\ntype = "test.picky"\nfrom = "batches"\n')
        self.environment["TWINFLOW_PLUGIN_PATH"] = str(BUILD / "tests" / "mpi")
        self.run_ranks(2, graph, "--output", whole, "--epochs", "3")
        self.run_ranks(2, graph, "--output", run, "--epochs", "2")
        self.environment["PICKY_REFUSES"] = str(self.steps(run))
        output = self.run_ranks(2, graph, "--resume", run, "--epochs", "3")
        self.assertIn("these are too many: going on from the state before, 'run/state.previous.safetensors'",
                      output.replace(f"{self.folder}/", ""))
        self.assert_same_run(run, whole)

    def test_a_signal_ends_what_hangs_in_mpi(self) -> None:
        for call, code in (("MPI_Init_thread", 3), ("MPI_Finalize", 0)):
            with self.subTest(call):
                run, reached = self.folder / call, self.folder / "reached"
                reached.unlink(missing_ok=True)
                source = self.folder / "hang.c"
                source.write_text(f'''#include <fcntl.h>
                    #include <unistd.h>
                    int {call}(void) {{
                      int file = open("{reached}", O_CREAT | O_APPEND | O_WRONLY, 0600);
                      if (write(file, "x", 1) == 1) for (;;) pause();
                      return 1;
                    }}''')
                library = self.folder / "hang.so"
                subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
                flowrun = mpirun(2, GRAPH, "--output", run)[len(launcher(2)):]
                process = self.start([*launcher(2), "env", f"LD_PRELOAD={library}", *flowrun])
                until = time.monotonic() + 60
                while (not reached.exists() or reached.stat().st_size < 2) and time.monotonic() < until:
                    time.sleep(0.05)
                began, ranks = time.monotonic(), self.ranks()
                self.assertEqual(len(ranks), 2)
                for rank in ranks:
                    os.kill(rank, signal.SIGTERM)
                output = process.communicate(timeout=60)[0]
                self.assertLess(time.monotonic() - began, 20)
                if code:
                    self.assertEqual(process.returncode, code, output)
                else:  # mpirun minds that they did not call it
                    self.assertEqual(json.loads((run / "result.json").read_text())["status"], "finished")
                    self.run_ranks(2, "--resume", run)

    def test_the_doctor_sees_all_ranks(self) -> None:
        process = self.start([*launcher(2), str(BUILD / "bin" / "flowinspect"), "--doctor"])
        output = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 0, output)
        self.assertRegex(output, r"Ranks\n  rank 0 of 2 \(.+\): .* processors.*; affinity [0-9,-]+; .*; (Open MPI v|MPICH Version).*\n  rank 1")
        self.assertRegex(output, r"summed over them in [0-9.]+ ms, 16 MiB in [0-9.]+ ms: [0-9.]+ GB/s sent by each")
        self.assertEqual(output.count("oneTBB"), 1)

    def test_a_refused_resume_is_invalid_use(self) -> None:
        self.run_ranks(2, GRAPH, "--output", self.folder / "run", "--max-steps", "1")
        output = self.run_ranks(2, GRAPH, "--resume", self.folder / "run", "--set", "run.seed=4", code=2)
        self.assertIn("run.seed: 3 -> 4", output)

    def test_numbers_that_blow_up_leave_the_last_good_model(self) -> None:
        run = self.folder / "run"
        output = self.run_ranks(2, GRAPH, "--output", run, "--set", "twin.optimizer={type='sgd',learning_rate=1e-3}", "--set",
                                "twin.schedule={type='piecewise',boundaries=[13],factors=[1.0,1e38]}", code=1)
        self.assertRegex(output, r"rank 0 of 2 \(.+\): ")
        (good,) = run.glob("*_last_good.safetensors")
        self.assertIn(str(good), output)
        self.assertEqual(json.loads((run / "result.json").read_text())["status"], "failed")

    def test_only_the_first_rank_has_what_writes(self) -> None:
        graph = self.folder / "sheets.toml"
        graph.write_text(GRAPH.read_text() + """
[node.sheet]
type = "monitor.montage"
from = "augmented"
[node.more]
type = "sample.classes"
from = "glyphs.validation"
[node.more_sheet]
type = "monitor.montage"
from = "more"
[node.table]
type = "monitor.csv"
""")
        self.run_ranks(2, graph, "--output", self.folder / "run", "--trace", self.folder / "trace.json")
        subprocess.run([FLOWRUN, graph, "--output", self.folder / "alone", "--quiet"], check=True, timeout=120)
        self.assert_same_run(self.folder / "run", self.folder / "alone")
        self.assertTrue(list((self.folder / "run").glob("sheet*")), list((self.folder / "run").iterdir()))
        slices = [{one["name"] for one in json.loads((self.folder / name).read_text())} for name in ("trace.json", "trace.json.rank1")]
        self.assertLessEqual({"batches", "twin", "more", "more_sheet"}, slices[0])
        self.assertLessEqual({"batches", "twin"}, slices[1])
        self.assertFalse({"more", "more_sheet"} & slices[1])  # nobody wants it there

    def test_where_only_the_first_rank_has_something_to_do(self) -> None:
        graph = self.folder / "sheet.toml"
        text = GRAPH.read_text()
        graph.write_text(text[:text.index("[node.augmented]")].replace("steps_per_epoch = 12", "steps_per_epoch = 20000") + """
[node.sheet]
type = "monitor.montage"
from = "batches"
""")
        self.run_ranks(2, graph, "--output", self.folder / "run", "--epochs", "1")
        self.assertTrue(list((self.folder / "run").glob("sheet*")))

    def test_ranks_that_differ_are_told_so(self) -> None:
        # By a shell: the mpirun of Open MPI 5.0.7 crashes at "-n 1 one : -n 1 other" (its issue 13303).
        other = 'test "${OMPI_COMM_WORLD_RANK-$PMI_RANK}" = 0 || set -- "$@" --set run.seed=9; exec "$@"'
        one = mpirun(2, GRAPH, "--output", self.folder / "run")
        process = self.start([*launcher(2), "sh", "-c", other, "sh", *one[len(launcher(2)):]])
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
