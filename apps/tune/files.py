"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    os.replace(part, file)
