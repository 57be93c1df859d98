"""apps/tune/text.py: names of any bytes can be printed."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "apps"))
from tune.text import shown_lines  # noqa: E402


class TextTest(unittest.TestCase):
    def test_what_is_escaped(self) -> None:
        self.assertEqual(shown_lines("Grün\t日本\n"), "Grün\t日本\n")
        self.assertEqual(shown_lines("\x1b[2J\x7f\x9b\u202e\u2066\r"), r"\u001b[2J\u007f\u009b\u202e\u2066\u000d")
        self.assertEqual(shown_lines(b"gr\xfcn".decode("utf-8", "surrogateescape")), r"gr\xfcn")
        shown_lines("\ud800").encode("utf-8")


if __name__ == "__main__":
    unittest.main()
