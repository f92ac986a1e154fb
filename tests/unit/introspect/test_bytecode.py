"""The package as bytecode alone, as a compiled wheel holds it: the description still has every doc."""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import loom_py
from loom_py.introspect.description import describe_now, load_described

pytestmark = pytest.mark.cpython

SHOW = """
import json, sys
import loom_py
from loom_py.introspect import Introspectable
from loom_py.introspect.description import describe, describe_now
from loom_py.introspect.typescript import typegen
field = lambda d: next(f["doc"] for r in d["dataclasses"] if r["name"] == "LayerStats" for f in r["fields"])
json.dump({
    "file": loom_py.__file__, "hash": describe()["content_hash"], "typed": len(typegen()),
    "stored": field(describe()), "live": field(describe_now(loom_py)),
    "doc": loom_py.RecordingObserver().get_methods()[0].doc,
}, sys.stdout)
"""


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """A copy of the package without a line of source; its version is given as an installed package's is."""
    package = tmp_path / "loom_py"
    shutil.copytree(Path(loom_py.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    assert compileall.compile_dir(package, quiet=1, legacy=True)
    for source in package.rglob("*.py"):
        source.unlink()
    stored = load_described()
    assert stored is not None
    info = tmp_path / "loom_py-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: loom-py\nVersion: {stored['version']}\n")
    return tmp_path


def run(folder: Path) -> dict[str, str]:
    done = subprocess.run([sys.executable, "-c", SHOW], cwd=folder, capture_output=True, text=True, check=True)
    told: dict[str, str] = json.loads(done.stdout)
    assert told["file"].startswith(str(folder))
    return told


def test_field_docs_come_from_the_stored_description(compiled: Path) -> None:
    told = run(compiled)
    assert told["stored"] == "Position of the top-level layer in reading order (rows, columns, slots)."
    assert told["live"] == ""
    assert told["hash"] == describe_now(loom_py)["content_hash"]
    assert int(told["typed"]) > 10_000
    assert told["doc"]


@pytest.mark.parametrize("harm", ["missing", "cut", "changed", "of another version"])
def test_a_stored_description_that_does_not_fit_is_not_believed(compiled: Path, harm: str) -> None:
    path = compiled / "loom_py" / "introspect" / "described.json"
    text = path.read_text(encoding="utf-8")
    if harm == "missing":
        path.unlink()
    elif harm == "cut":
        path.write_text(text[:1000], encoding="utf-8")
    elif harm == "changed":
        path.write_text(text.replace("Position of the top-level", "Place of the top-level"), encoding="utf-8")
    else:
        metadata = compiled / "loom_py-1.dist-info" / "METADATA"
        metadata.write_text("Metadata-Version: 2.1\nName: loom-py\nVersion: 99\n")
    told = run(compiled)
    assert told["stored"] == told["live"] == ""
    assert told["doc"]
