"""apps/slurm/job.bash: data are staged into a folder of this user's alone, whatever others have left in a shared /tmp."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "apps" / "slurm"
NOBODY = 65534


class StageTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="twinflow-stage-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.scratch = self.folder / "scratch"  # as a shared /tmp
        self.scratch.mkdir()
        self.scratch.chmod(0o1777)
        self.data = self.folder / "images"
        self.data.mkdir()
        (self.data / "1.pgm").write_text("mine")

    def stage(self) -> subprocess.CompletedProcess:
        """Prints where the data were staged to; the copy stays, for this test holds the lock as another task would."""
        commands = """set -euo pipefail
            script=$1/train.sbatch id=1
            source "$1/job.bash"
            stage "data.path=$2"
            echo "${options[1]}"
            staged=()"""
        return subprocess.run(["bash", "-c", commands, "bash", SCRIPTS, self.data], capture_output=True, text=True, timeout=60,
                              env=os.environ | {"TMPDIR": str(self.scratch)})

    def staged(self) -> Path:
        done = self.stage()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return Path(done.stdout.splitlines()[-1].removeprefix("data.path="))

    def private(self) -> Path:
        return self.scratch / f"twinflow-{subprocess.run(['id', '-un'], capture_output=True, text=True).stdout.strip()}"

    def refused(self) -> None:
        done = self.stage()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(f"error: --stage: '{self.private()}' is not a folder that ", done.stderr)

    def test_nobody_else_can_enter(self) -> None:
        os.umask(0o000)
        self.addCleanup(os.umask, 0o022)
        place = self.staged()
        self.assertEqual((place / "1.pgm").read_text(), "mine")
        self.assertTrue(place.is_relative_to(self.private()))
        self.assertEqual(self.private().stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.staged(), place)  # the same for whoever stages it next

    def test_what_others_have_planted(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root can give a folder to somebody else")
        place = self.staged()
        os.chown(self.private(), NOBODY, NOBODY)  # with data, and a lock, where the next task looks
        (place / "1.pgm").write_text("theirs")
        self.refused()
        shutil.rmtree(self.private())
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(mode=0o700)
        self.private().symlink_to(elsewhere)
        self.refused()
        self.assertEqual(os.listdir(elsewhere), [])

    def test_what_others_can_enter_or_replace(self) -> None:
        self.private().mkdir()
        self.private().chmod(0o770)
        self.refused()
        self.private().rmdir()
        self.private().write_text("a file")
        self.refused()
        self.private().unlink()
        self.scratch.chmod(0o777)  # without the sticky bit
        done = self.stage()
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"error: --stage: others can replace what is in '{self.scratch}'", done.stderr)


if __name__ == "__main__":
    if not shutil.which("flock"):
        print("skipped: there is no flock")
        sys.exit(77)
    unittest.main()
