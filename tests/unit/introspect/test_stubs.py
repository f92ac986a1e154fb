"""Generated Python: the table of layers and the stubs that type checkers read."""

from __future__ import annotations

import ast
import sys
from types import ModuleType

import pytest

from loom_py.introspect.stubs import layer_names, stub
from loom_py.lazy import lazily

SOURCE = '''"""A toy."""

from toy.parts import Wheel as Wheel
from toy.parts import hidden
'''


def made(name: str, module: str) -> type:
    return type(name, (), {"__module__": module})


def test_layers_are_listed_by_the_module_that_defines_them() -> None:
    layers = {name: made(name, f"toy.layers.{home}") for name, home in (("B2", "b"), ("B1", "b"), ("A", "a"))}
    layers["Mine"] = made("Mine", "users.own")
    found: dict[str, dict[str, str]] = {}
    exec(layer_names(layers, "toy.layers"), found)
    assert found["LAYERS"] == {"a": "A", "b": "B1 B2"}


@pytest.mark.cpython
def test_a_stub_imports_every_name_from_where_it_is(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "toy.py"
    path.write_text(SOURCE)
    toy = ModuleType("toy")
    toy.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "toy", toy)
    lazily("toy", {"parts.engine": "Engine start"})
    toy.__all__ = ["Engine", "Wheel", "start"]  # type: ignore[attr-defined]
    text = stub(toy)
    assert ast.parse(text)
    assert text.splitlines()[2:] == [
        "from toy.parts import Wheel as Wheel",
        "from toy.parts.engine import Engine as Engine",
        "from toy.parts.engine import start as start",
        "",
        "__all__ = [",
        '    "Engine",',
        '    "Wheel",',
        '    "start",',
        "]",
    ]
