"""The wheel: made from a source archive, it carries the tables that a page reads, and fails without them.

Installed alone it runs the README's first example, and its description works on a package index.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
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


def test_a_wheel_is_made_where_an_installer_isolates_the_build(unpacked: Path, tmp_path: Path) -> None:
    """There the requirements of a build lie on PYTHONPATH, beside a Python that has none of them."""
    import venv  # Pyodide has none

    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    command = [
        str(tmp_path / "bare" / "bin" / "python"),
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=unpacked, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "installed")
    shown = message_from_bytes(next((tmp_path / "installed").glob("*.dist-info/METADATA")).read_bytes()).get_payload()
    assert "See inside a neural network" in shown
    assert not re.findall(r"\]\((?!https?:|#)", shown)

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code, printed = re.findall(r"```(?:python|text)\n(.*?)```", readme, re.DOTALL)[:2]
    alone = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "installed"), sysconfig.get_path("purelib")])}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=alone, capture_output=True, text=True, check=False
    )
    assert ran.stdout == printed, ran.stderr


def test_links_of_the_description_are_absolute_or_their_text() -> None:
    spec = importlib.util.spec_from_file_location("package_hook", ROOT / "build" / "package_hook.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    text = "![a picture](docs/a.png) [a page](docs/b.md), [a site](https://example.org), [below](#below)\n"
    code = "```python\nx[0](y)\n```\n"
    assert hook.for_index(text + code, "https://example.org/loom/") == (
        "![a picture](https://example.org/loom/raw/HEAD/docs/a.png) "
        "[a page](https://example.org/loom/blob/HEAD/docs/b.md), [a site](https://example.org), [below](#below)\n"
        + code
    )
    assert hook.for_index(text + code, None) == " a page, [a site](https://example.org), [below](#below)\n" + code
