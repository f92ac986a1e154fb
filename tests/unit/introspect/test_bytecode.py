"""The package as bytecode alone, as a compiled wheel holds it: the description still has every doc."""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import loom_py
from loom_py.introspect.description import describe_now
from loom_py.session.package import all_tables
from loom_py.session.surface_cache import load_table

pytestmark = pytest.mark.cpython

CHILD = """
import json, pathlib, sys
import loom_py
from loom_py.introspect.description import describe
from loom_py.introspect.typescript import typegen
from loom_py.session.surface_cache import FILE, load_table

here = pathlib.Path(loom_py.__file__).parent
described = here / "introspect" / "described.json"
whole = described.read_text(encoding="utf-8")

def field_doc():
    return next(f["doc"] for r in describe()["dataclasses"] if r["name"] == "LayerStats" for f in r["fields"])

told = {"file": loom_py.__file__, "hash": describe()["content_hash"], "whole": field_doc(), "typed": len(typegen())}
told["tables"] = [load_table(in_steps=True), load_table(in_steps=False)]
FILE.write_text("{", encoding="utf-8")
told["no table"] = load_table(in_steps=True)
told["method"] = loom_py.RecordingObserver().get_methods()[0].doc
described.write_text(whole[:1000], encoding="utf-8")
told["cut"] = field_doc()
described.write_text(whole.replace("Position of the top-level", "Place of the top-level"), encoding="utf-8")
told["changed"] = field_doc()
described.write_text("[]", encoding="utf-8")
told["other"] = field_doc()
described.unlink()
told["missing"] = field_doc()
described.write_text(whole, encoding="utf-8")
told["whole again"] = field_doc()
del loom_py.__all__[-1]
told["of other names"] = field_doc()
json.dump(told, sys.stdout)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a copy of the package without a line of source tells."""
    folder = tmp_path_factory.mktemp("compiled")
    package = folder / "loom_py"
    shutil.copytree(Path(loom_py.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "loom_py", "tables", "--out", str(folder)], check=True)
    assert compileall.compile_dir(package, quiet=1, legacy=True)
    for source in package.rglob("*.py"):
        source.unlink()
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["file"].startswith(str(folder))
    return found


def test_field_docs_come_from_the_stored_description(told: dict[str, Any]) -> None:
    assert told["whole"] == "Position of the top-level layer in reading order (rows, columns, slots)."
    assert told["hash"] == describe_now(loom_py)["content_hash"]
    assert told["typed"] > 10_000
    assert told["method"]


@pytest.mark.parametrize("harm", ["cut", "changed", "other", "missing", "of other names"])
def test_a_stored_description_that_does_not_fit_is_not_believed(told: dict[str, Any], harm: str) -> None:
    assert told[harm] == ""
    assert told["whole again"] == told["whole"]


def test_what_may_be_called_comes_from_the_stored_tables(told: dict[str, Any]) -> None:
    assert told["tables"] == list(all_tables(describe_now(loom_py)).values())
    assert told["no table"] is None
    assert load_table(in_steps=True) is None, "with source at hand they are derived"
