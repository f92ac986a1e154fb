"""Files are replaced as a whole: links, permissions and long names are kept, and no writer undoes another's update."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from loom_py import Dense, Network, RecordingObserver, atomic_file, load_model
from loom_py.atomic_file import update_whole, write_whole


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def appended(file: BinaryIO | None) -> list[bytes]:
    return [b"" if file is None else file.read(), b"x"]


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o664])
def test_a_replaced_file_keeps_its_permissions(permissions: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(permissions)
    write_whole(path, [b"new"])
    assert (path.read_bytes(), mode(path)) == (b"new", permissions)
    update_whole(path, appended)
    assert (path.read_bytes(), mode(path)) == (b"newx", permissions)


@pytest.mark.cpython  # Emscripten has no umask of its own
def test_a_new_file_honours_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a", [b"new"])
        assert mode(tmp_path / "a") == 0o640
    finally:
        os.umask(before)


@pytest.mark.cpython
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    write_whole(path, [b"new"])
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


@pytest.mark.parametrize("exists", [True, False])
def test_links_are_followed(exists: bool, tmp_path: Path) -> None:
    target, link = tmp_path / "there" / "a", tmp_path / "latest"
    target.parent.mkdir()
    if exists:
        target.write_bytes(b"old")
    link.symlink_to("there/a")
    write_whole(link, [b"new"])
    update_whole(link, appended)
    assert link.is_symlink()
    assert target.read_bytes() == b"newx"
    assert [p.name for p in tmp_path.iterdir() if p != target.parent] == ["latest"]


@pytest.mark.parametrize("name", ["n" * 255, "ä" * 127])
def test_names_may_be_as_long_as_the_system_allows(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    net, recording = Network.of(2, [Dense(2, 1)], seed=1), RecordingObserver()
    for _ in range(2):
        net.save_model(path)
        assert load_model(path).to_config() == net.to_config()
    recording.save_to_file(path)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, [b""])
    with pytest.raises(OSError, match="not a regular file"):
        write_whole("/dev/null", [b""])
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(OSError, match=r"symbolic|symlinks|loop"):
        write_whole(loop, [b""])


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def stopped() -> object:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, stopped())  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_contents_are_synced_before_the_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append("sync"))
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("rename"), replace(*paths)))
    write_whole(tmp_path / "a", [b"new"])
    update_whole(tmp_path / "a", appended)
    assert calls == ["sync", "rename", "sync"] * 2


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("locks", [True, False])
def test_an_update_sees_what_another_writer_replaced_meanwhile(
    exists: bool, locks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not locks:  # as on Windows and in Pyodide
        monkeypatch.setattr(atomic_file, "fcntl", None)
    path, seen = tmp_path / "a", list[bytes]()
    if exists:
        path.write_bytes(b"old")

    def make(file: BinaryIO | None) -> list[bytes]:
        seen.append(b"" if file is None else file.read())
        if len(seen) == 1:
            write_whole(path, [seen[0], b"+theirs"])  # in the middle of our update
        return [seen[-1], b"+ours"]

    update_whole(path, make)
    start = b"old" if exists else b""
    assert seen == [start, start + b"+theirs"]
    assert path.read_bytes() == start + b"+theirs+ours"


@pytest.mark.cpython
def test_no_update_of_several_threads_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "a"
    threads = [threading.Thread(target=lambda: [update_whole(path, appended) for _ in range(8)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == b"x" * 24


@pytest.mark.cpython
def test_a_lock_that_is_never_released_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(atomic_file, "_LOCK_S", 0.01)
    holder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        update_whole(tmp_path / "a", appended)
    finally:
        os.close(holder)
    assert (tmp_path / "a").read_bytes() == b"x"
