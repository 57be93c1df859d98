"""apps/tune/files.py: a file is on the disk whole before it takes the place of the one that was there."""

import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "apps"))
from tune.files import write  # noqa: E402


class FilesTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="twinflow-files-")
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "best.toml"

    def test_it_is_on_the_disk_before_it_has_the_name(self) -> None:
        done = []
        fsync, replace = os.fsync, os.replace

        def synced(descriptor: int) -> None:
            done.append(("fsync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
            fsync(descriptor)

        def replaced(part: Path, file: Path) -> None:
            done.append(("replace", part.name))
            replace(part, file)

        with mock.patch("os.fsync", synced), mock.patch("os.replace", replaced):
            write(self.file, "é\n")
        part = done[0][1]
        self.assertEqual(done, [("fsync", part), ("replace", part), ("fsync", self.file.parent.name)])
        self.assertEqual(self.file.read_bytes(), "é\n".encode())
        self.assertEqual(os.listdir(self.file.parent), ["best.toml"])

    def test_what_fails_leaves_the_old_file_and_nothing_else(self) -> None:
        write(self.file, "old")
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
            with self.assertRaises(OSError):
                write(self.file, "new")
        self.assertEqual(self.file.read_text(), "old")
        self.assertEqual(os.listdir(self.file.parent), ["best.toml"])


if __name__ == "__main__":
    unittest.main()
