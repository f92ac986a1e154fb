"""The generated files and the command line, on the package itself."""

from __future__ import annotations

import json
import sys
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest

import loom_py
from loom_py.introspect.described_cache import content_hash, load_described
from loom_py.introspect.description import describe, describe_now
from loom_py.introspect.docstrings import module_attribute_docs
from loom_py.introspect.generated import difference, write
from loom_py.introspect.markers import INTERNAL
from loom_py.introspect.typescript.generate import unknown_names
from loom_py.layers import REGISTRY

if sys.platform != "emscripten":
    from loom_py.cli import main

HOLES: set[str] = set()
"""Names that nothing is known of. Each is a member of the package's own that ought not to be public."""


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return describe(loom_py)


def test_every_public_name_is_described(described: dict[str, Any]) -> None:
    parts = ("classes", "layers", "functions", "errors", "dataclasses", "aliases")
    found = {record.get("method_name", record.get("name")) for part in parts for record in described[part]}
    public = {name: getattr(loom_py, name) for name in loom_py.__all__}
    waited_for = {name for name, value in public.items() if iscoroutinefunction(value)}
    marked = {name for name, value in public.items() if hasattr(value, INTERNAL)}
    of_python = waited_for | marked  # JavaScript awaits every call anyway, and has no PyTorch to watch
    assert set(public) - of_python <= found
    assert not of_python & found
    assert marked == {"watch_torch"}


def test_layers_are_those_that_a_config_can_name(described: dict[str, Any]) -> None:
    own = {name for name, cls in REGISTRY.items() if cls.__module__.startswith("loom_py.")}
    assert {layer["type"] for layer in described["layers"]} == own


def test_everything_public_is_documented(described: dict[str, Any]) -> None:
    bare = [
        record["name"]
        for part in ("classes", "dataclasses", "errors")
        for record in described[part]
        if not record["doc"]
    ]
    bare += [layer["type"] for layer in described["layers"] if not layer["doc"]]
    for record in described["classes"]:
        if record["introspectable"]:
            bare += [f"{record['name']}.{m['method_name']}" for m in record["methods"] if not m["doc"]]
    bare += [function["method_name"] for function in described["functions"] if not function["doc"]]
    assert bare == []


def test_no_name_in_the_types_is_unknown(described: dict[str, Any]) -> None:
    assert unknown_names(described) <= HOLES


@pytest.mark.skipif(module_attribute_docs(loom_py.__name__) is not None, reason="a source tree has none")
def test_the_stored_description_is_whole(described: dict[str, Any]) -> None:
    stored = load_described()
    assert stored is not None
    assert stored["content_hash"] == content_hash(stored)
    assert stored["schema_version"] == described["schema_version"]


@pytest.mark.cpython
def test_generated_files_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["typegen", "--check"]) == 0, capsys.readouterr().out


@pytest.mark.cpython
def test_check_tells_what_is_stale_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "loom.d.ts"
    assert main(["typegen", "--out", str(out)]) == 0
    assert main(["typegen", "--check", "--out", str(out)]) == 0
    capsys.readouterr()
    stale = out.read_text(encoding="utf-8").replace("export interface NDArray", "export interface Array")
    out.write_text(stale, encoding="utf-8")
    assert main(["typegen", "--check", "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert "-export interface Array" in said
    assert "+export interface NDArray" in said
    assert "run `python -m loom_py typegen`" in said
    assert out.read_text(encoding="utf-8") == stale


@pytest.mark.cpython
def test_describe_and_docs_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe"]) == 0
    assert json.loads(capsys.readouterr().out)["content_hash"] == describe_now(loom_py)["content_hash"]
    assert main(["docs", "--out", str(tmp_path / "reference.md")]) == 0
    assert (tmp_path / "reference.md").read_text(encoding="utf-8").startswith("# Reference\n")
    with pytest.raises(SystemExit) as stopped:
        main(["no-such-command"])
    assert stopped.value.code == 2


def test_a_missing_file_is_stale(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert difference(path, "one\n")
    assert write(path, "one\n")
    assert not write(path, "one\n")
    assert not difference(path, "one\n")
