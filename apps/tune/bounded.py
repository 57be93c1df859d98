"""Reading of files that a user names: regular ones, up to a size."""
import errno
import os
import stat
from pathlib import Path

MOST_BYTES = 10_000_000  # as flowrun reads of a graph file


def read_bounded(file: Path) -> str:
    """The text of a file. Raises OSError where it cannot be read, is not a regular file (a device or a FIFO might never
    end) or has more than MOST_BYTES, and UnicodeDecodeError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {MOST_BYTES} bytes")
    return content.decode("utf-8")
