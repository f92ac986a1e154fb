"""Packages that import their names late: the table, the imports for type checkers and `__all__` say the same."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules

import pytest

import loom_py
from loom_py.lazy import tables
from loom_py.session.package import open_session

PACKAGES = [
    f"loom_py{part}" for part in ("", ".diagnose", ".evaluate", ".introspect", ".layers", ".observers", ".store")
]

needs_source = pytest.mark.cpython  # inside Pyodide there is bytecode alone


def imports_for_type_checkers(package: str) -> dict[str, str]:
    """Name → module that type checkers see it imported from: in the stub, or else under `if TYPE_CHECKING:`."""
    source = Path(str(importlib.import_module(package).__file__))
    stub = source.with_suffix(".pyi")
    if stub.exists():
        body = ast.parse(stub.read_text(encoding="utf-8")).body
    else:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        (block,) = (node for node in tree.body if isinstance(node, ast.If))
        body = block.body
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: str(node.module) for node in imports for alias in node.names}


def table(package: str) -> dict[str, str]:
    """Name → module, of the table that `lazily` is given."""
    importlib.import_module(package)
    return {name: f"{package}.{home}" for home, names in tables[package].items() for name in names.split()}


@needs_source
@pytest.mark.parametrize("name", PACKAGES)
def test_the_table_is_what_type_checkers_see(name: str) -> None:
    seen = imports_for_type_checkers(name)
    assert table(name).items() <= seen.items()
    at_once = seen.keys() - table(name).keys()
    assert at_once <= vars(importlib.import_module(name)).keys()


@pytest.mark.parametrize("name", PACKAGES)
def test_no_name_is_that_of_a_module(name: str) -> None:
    modules = {found.name for found in iter_modules(importlib.import_module(name).__path__)}
    assert modules.isdisjoint(table(name))


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_is_there(name: str) -> None:
    module = importlib.import_module(name)
    offered = getattr(module, "__all__", dir(module))
    assert {each for each in offered if not hasattr(module, each)} == set()
    assert set(offered) <= set(dir(module))
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        module.Nothing  # noqa: B018


def test_a_function_named_like_its_package_stays_one() -> None:
    importlib.import_module("loom_py.diagnose.finding")
    assert callable(loom_py.diagnose)
    assert callable(loom_py.compare)


def answer(code: str, *arguments: str) -> object:
    """What a fresh interpreter prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


UNUSED = {
    "ctypes.util",
    "email",
    "http.client",
    "loom_py.evaluate",
    "loom_py.introspect.description",
    "loom_py.layers.attention",
    "loom_py.observers.http",
    "statistics",
    "urllib.request",
}


@pytest.mark.cpython
def test_a_page_that_trains_does_not_import_what_it_has_no_use_for() -> None:
    code = """
import json, sys
import loom_py.session
from loom_py import CanvasObserver, Dense, Network
net = Network.of(2, [Dense(2, 3)], seed=1)
net.add_observer(CanvasObserver([].append))
net.fit([[0.0, 1.0]], [1])
json.dump(sorted(sys.modules), sys.stdout)
"""
    loaded = answer(code)
    assert isinstance(loaded, list)
    assert UNUSED & set(loaded) == set()


@pytest.mark.cpython
def test_arguments_are_read_alike_whatever_is_imported() -> None:
    code = """
import json, sys
import loom_py
from loom_py.session import Session

table = json.loads(sys.argv[1])
def read():
    coercion, found = Session(loom_py, table)._binder._coercion, {}
    for owner in table["classes"]:
        for name, member in vars(getattr(loom_py, owner)).items():
            for key, annotation in getattr(member, "__annotations__", {}).items():
                found[f"{owner}.{name}({key})"] = str(coercion.annotation(annotation, member))
    return found

late, before = read(), len(sys.modules)
from loom_py.introspect.type_closure import import_modules
import_modules(loom_py)
json.dump([late, read(), before < len(sys.modules)], sys.stdout)
"""
    late, full, imported_more = answer(code, json.dumps(open_session().surface.table()))  # type: ignore[misc]
    assert imported_more
    assert late == full
