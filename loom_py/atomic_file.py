"""Writing files so that a full disk or an interruption never leaves half of one behind."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: str | os.PathLike[str], chunks: Iterable[bytes]) -> Path:
    """Write a file under a passing name beside its own, then rename it; returns its path.

    Raises:
        OSError: the folder is missing or can't be written, or the disk is full; what was there before is unharmed.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "the folder does not exist", str(target.parent))
    handle, passing = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(chunks)
        os.chmod(passing, 0o666 & ~_umask())
        os.replace(passing, target)
    except BaseException:
        os.unlink(passing)
        raise
    return target


def _umask() -> int:
    """The process's mask for new files; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
