"""Ranks on two hosts that a network joins: the same bits, and a cable that is pulled."""

import subprocess
import threading
import unittest

import two_hosts
from ranks import FLOWRUN, GRAPH, IS_OPEN_MPI, WHY_NOT, Ranks
from run_results import lines_of

WHY_NOT = WHY_NOT or two_hosts.why_not() or ("" if IS_OPEN_MPI else "these hosts are for Open MPI's mpirun")


@unittest.skipIf(WHY_NOT, WHY_NOT)
class NetworkTest(Ranks):
    def setUp(self) -> None:
        super().setUp()
        self.hosts = self.enterContext(two_hosts.TwoHosts())

    def start_on_both(self, each: int, *arguments: str) -> subprocess.Popen:
        return self.start(self.hosts.mpirun(each, str(FLOWRUN), *map(str, arguments), "--threads", "1"))

    def run_on_both(self, each: int, *arguments: str) -> str:
        process = self.start_on_both(each, *arguments)
        output = process.communicate(timeout=120)[0]
        self.assertEqual(process.returncode, 0, output)
        return output

    def test_bits_are_those_of_one_process_and_what_is_sent_is_told(self) -> None:
        alone = self.by_one_process()
        for each in (1, 2):
            with self.subTest(each):
                before, run = self.hosts.bytes_sent(), self.folder / f"run{each}"
                output = self.run_on_both(each, GRAPH, "--output", run)
                self.assertIn(f"{2 * each} processes train together; this is rank 0 of {2 * each} ({self.hosts.first})", output)
                self.assert_same_run(run, alone)
                told = sum(line["metrics"].get("megabytes_sent", 0) for line in lines_of(run))
                if each == 1:  # all that the first rank sends crosses the cable, with mpirun's own words and headers
                    self.assertGreater(self.hosts.bytes_sent() - before, 1e6 * told)
                    self.assertLess(self.hosts.bytes_sent() - before, 2e6 * told + 2e6)

    def test_a_cable_that_is_pulled_is_noticed_and_who_is_gone_named(self) -> None:
        alone, run = self.by_one_process(40), self.folder / "run"
        process = self.start_on_both(1, GRAPH, "--output", run, "--epochs", "40", "--set", "run.save_steps=3", "--set",
                                     "run.distributed={type='mpi',timeout=5.0}")
        self.wait_for_steps(run, 20)
        self.hosts.pull()
        # mpirun itself may wait for the other host's part for as long as TCP does.
        late = threading.Timer(40, process.kill)
        late.start()
        self.addCleanup(late.cancel)
        output = next((line for line in process.stdout if "no answer" in line), "")
        self.assertRegex(output, rf"error: .*: no answer from rank 1 of 2 \({self.hosts.second}\) for 5 s")
        self.hosts.end_all()  # what runs on the other host has heard nothing of it
        self.hosts.plug_in()
        self.run_on_both(1, GRAPH, "--resume", run, "--epochs", "40", "--set", "run.save_steps=3")
        self.assert_same_run(run, alone)


if __name__ == "__main__":
    unittest.main(verbosity=2)
