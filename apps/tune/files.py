"""Files that are on the disk whole, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write(file: Path, text: str) -> None:
    """After a power failure, too, there is the old file or the new one. Others, on other machines, may write it as well."""
    part = file.with_name(f".{file.name}.{os.uname().nodename}-{os.getpid()}")
    try:
        with open(part, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot
            raise
    finally:
        os.close(folder)
