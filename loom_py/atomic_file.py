"""Atomic writing of files: a full disk or an interruption never leaves half a file; no update is lost."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows, Pyodide
    fcntl = None

_LOCK_S = 1.0
"""Longest wait for the lock of a folder; its holders only rename a file."""


def write_whole(path: str | os.PathLike[str], chunks: Iterable[bytes]) -> Path:
    """Write a temporary file in the same folder, sync it, then rename it; returns the path.

    A symbolic link is followed. A replaced file leaves its permissions, and its owner where the system allows that, to
    the new one; other hard links to it keep the old contents.

    Raises:
        OSError: the folder is missing or can't be written, the disk is full, or the path is no regular file; an
            existing file is kept.
    """
    target = _target(path)
    with _temporary(target, chunks) as temporary:
        os.replace(temporary, target)
    _sync_folder(target.parent)
    return Path(path)


def update_whole(path: str | os.PathLike[str], make: Callable[[BinaryIO | None], Iterable[bytes]]) -> Path:
    """Replace a file by new contents made from its current ones, so that no other writer's update is lost.

    If the file was replaced or changed in the meantime, `make` is called again.

    Args:
        path: file to write, as in `write_whole`.
        make: new contents from the file, open for reading; from None if there is no file.

    Raises:
        OSError: as in `write_whole`.
    """
    target = _target(path)
    while not _replaced_unchanged(target, make):
        pass
    _sync_folder(target.parent)
    return Path(path)


def _replaced_unchanged(target: Path, make: Callable[[BinaryIO | None], Iterable[bytes]]) -> bool:
    """Replace the file, unless it has become another since it was opened; returns whether it was replaced."""
    with _opened(target) as current:
        before = None if current is None else signature(os.fstat(current.fileno()))
        with _temporary(target, make(current)) as temporary, _locked(target.parent):
            if before != _signature_at(target):
                return False
            if current is not None:
                current.close()  # open until here, so that the system gives its number to no other file
            os.replace(temporary, target)
            return True


def signature(found: os.stat_result) -> tuple[int, int, int, int]:
    """A value that differs after a file was replaced or rewritten."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _signature_at(target: Path) -> tuple[int, int, int, int] | None:
    found = _status(target)
    return None if found is None else signature(found)


def _status(target: Path) -> os.stat_result | None:
    """Status of a file; None if it does not exist."""
    try:
        return os.stat(target)
    except FileNotFoundError:
        return None


@contextmanager
def _opened(target: Path) -> Iterator[BinaryIO | None]:
    try:
        file = open(target, "rb")  # noqa: SIM115  # closed below
    except FileNotFoundError:
        yield None
        return
    with file:
        yield file


def openable(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The path, if a system can have a file of that name; raises OSError for NUL and lone surrogates."""
    name = os.fspath(path)
    try:
        possible = "\0" not in name and os.fsencode(name)
    except UnicodeEncodeError:
        possible = False
    if possible is False:
        raise OSError(errno.EINVAL, "expected a path of characters that a system can write", ascii(name))
    return path


def _target(path: str | os.PathLike[str]) -> Path:
    """The file that a path means, links followed; raises OSError unless it is a regular file or can become one."""
    target = Path(os.path.realpath(openable(path)))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "the folder does not exist", str(target.parent))
    found = _status(target)
    if found is not None and not stat.S_ISREG(found.st_mode):
        code = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
        raise OSError(code, "not a regular file", str(target))
    return target


@contextmanager
def _temporary(target: Path, chunks: Iterable[bytes]) -> Iterator[Path]:
    """A synced file with these contents beside the target, with its owner and permissions; removed at the end."""
    temporary = target.with_name(f".loom_py-{secrets.token_hex(8)}")  # any name of a target may be as long as allowed
    existing = _status(target)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(temporary, flags, 0o666 if existing is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(chunks)
            file.flush()
            if existing is not None:
                _give_away(temporary, existing)
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _give_away(temporary: Path, existing: os.stat_result) -> None:
    """Give a file the owner, group and permissions of another, as far as the system allows it."""
    if hasattr(os, "chown"):
        for owner in ((existing.st_uid, -1), (-1, existing.st_gid)):
            with suppress(OSError):
                os.chown(temporary, *owner)
    os.chmod(temporary, stat.S_IMODE(existing.st_mode))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which ends with the process that holds it.

    Without locks, and after a second in vain, the work goes on: then the comparison before the rename has to be enough.
    """
    handle = _open_folder(folder)
    try:
        if fcntl is not None and handle is not None:
            _wait_for_lock(handle)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _wait_for_lock(handle: int) -> None:
    until = time.monotonic() + _LOCK_S
    while time.monotonic() < until:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:  # a file system without locks
            return


def _open_folder(folder: Path) -> int | None:
    try:
        return os.open(folder, os.O_RDONLY)
    except OSError:  # Windows, or a folder that may not be listed
        return None


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where folders can be synced."""
    handle = _open_folder(folder)
    if handle is not None:
        with suppress(OSError):
            os.fsync(handle)
        os.close(handle)
