"""The wheel: made from a source archive, it carries the tables that a page reads, and fails without them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import loom_py
from loom_py.introspect.description import describe_now
from loom_py.session.package import all_tables

pytestmark = pytest.mark.cpython

ROOT = Path(loom_py.__file__).parent.parent


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hatchling", "build", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    done = build(ROOT, "-t", "sdist", "-d", str(folder))
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


def test_a_wheel_from_a_source_archive_has_fresh_tables(unpacked: Path) -> None:
    assert not list(unpacked.rglob("described.json"))
    done = build(unpacked, "-t", "wheel")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next((unpacked / "dist").glob("*.whl"))) as wheel:
        assert json.loads(wheel.read("loom_py/introspect/described.json")) == describe_now(loom_py)
        assert json.loads(wheel.read("loom_py/session/surface.json")) == all_tables(describe_now(loom_py))
        assert "loom_py/__init__.pyi" in wheel.namelist()
    assert not list((unpacked / "loom_py").rglob("described.json"))


def test_a_wheel_has_its_kernels_or_is_not_made(unpacked: Path, tmp_path: Path) -> None:
    """From a source archive without a compiler: the archive has them."""
    bare = tmp_path / "bare"
    shutil.copytree(unpacked, bare, ignore=shutil.ignore_patterns("dist"))
    kernels = {path.relative_to(bare).as_posix() for path in bare.rglob("*.wasm")}
    assert len(kernels) == 2
    done = build(bare, "-t", "wheel")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next((bare / "dist").glob("*.whl"))) as wheel:
        assert kernels <= set(wheel.namelist())
    shutil.rmtree(bare / "dist")
    for kernel in kernels:
        (bare / kernel).unlink()
    done = build(bare, "-t", "wheel")
    assert done.returncode != 0
    assert "expected compiled kernels" in done.stderr
    assert not list(bare.rglob("*.whl"))


def test_a_wheel_is_not_made_without_its_tables(unpacked: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(unpacked, broken, ignore=shutil.ignore_patterns("dist"))
    with (broken / "loom_py" / "errors.py").open("a") as module:
        module.write("raise ImportError('broken on purpose')\n")
    done = build(broken, "-t", "wheel")
    assert done.returncode != 0
    assert "tables could not be made" in done.stderr
    assert not list(broken.rglob("*.whl"))
