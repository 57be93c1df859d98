"""What tests of ranks have in common: real ones, under Open MPI's mpirun, or what TWINFLOW_MPIRUN names, as MPICH's
mpiexec.mpich, where the library was built with that (-DMPI_C_COMPILER=mpicc.mpich)."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests"))
from run_results import metrics, tensors
BUILD = Path(os.environ.get("TWINFLOW_BUILD_DIR", SOURCE / "build")).resolve()
FLOWRUN = BUILD / "bin" / "flowrun"
GRAPH = Path(__file__).resolve().parent / "shared.toml"
MPIRUN = os.environ.get("TWINFLOW_MPIRUN", "mpirun")


def version() -> str:
    return subprocess.run([MPIRUN, "--version"], capture_output=True, text=True).stdout


def why_not() -> str:
    if not (BUILD / "lib" / "twinflow" / "libtwinflow_mpi.so").exists():
        return "communicator.mpi was not built: there is no MPI (libopenmpi-dev)"
    if shutil.which(MPIRUN) is None:
        return f"there is no {MPIRUN} (openmpi-bin)"
    return "" if "Open MPI" in version() or MPIRUN != "mpirun" else "mpirun is not Open MPI's"


WHY_NOT = why_not()
IS_OPEN_MPI = not WHY_NOT and "Open MPI" in version()


def launcher(ranks: int) -> list[str]:
    return [MPIRUN, *(["--oversubscribe", "--bind-to", "none"] if IS_OPEN_MPI else []), "-n", str(ranks)]


def mpirun(ranks: int, *arguments: str) -> list[str]:
    return [*launcher(ranks), str(FLOWRUN), *map(str, arguments), "--threads", "1"]


class Ranks(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="twinflow-ranks-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()  # as /proc tells it
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

    def ranks(self) -> list[int]:
        """The processes that this test's mpirun has started, in the order of their ranks."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(path / "cwd") != str(self.folder):
                    continue
                for one in (path / "environ").read_bytes().split(b"\0"):
                    if one.startswith((b"OMPI_COMM_WORLD_RANK=", b"PMI_RANK=")):
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
