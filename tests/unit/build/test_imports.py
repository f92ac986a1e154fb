"""No module of the package imports itself by way of others, imports for types alone included."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "loom_py"
TYPE_CIRCLES = [{f"loom_py.layers.{name}" for name in ("layer", "onnx", "registry", "run")}]
"""Circles of imports for types alone that are meant, each with its modules: a layer is handed the run and the ONNX
graph that it is part of, and these run and export layers."""

Graph = dict[str, set[str]]


def _modules(package: Path) -> dict[str, Path]:
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _import_statements(tree: ast.AST, *, types: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Statements that run when the module is imported, and with `types` those that only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for branch in [*(node.body if types else []), *node.orelse]:
                yield from _import_statements(ast.Module([branch], []), types=types)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _import_statements(node, types=types)


def _graph(package: Path, *, types: bool) -> Graph:
    modules = _modules(package)

    def module_of(name: str) -> str:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name

    graph: Graph = {}
    for name, path in modules.items():
        found = set()
        for node in _import_statements(ast.parse(path.read_text(encoding="utf-8")), types=types):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: relative imports are not used here"
                found |= {module_of(f"{node.module}.{alias.name}") for alias in node.names}
            else:
                found |= {module_of(alias.name) for alias in node.names}
        graph[name] = found - {"", name}
    return graph


def _circles(graph: Graph) -> set[frozenset[str]]:
    """Sets of modules that reach each other (strongly connected components of two or more)."""

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        open_ends = [start]
        while open_ends:
            new = graph[open_ends.pop()] - seen
            seen |= new
            open_ends += new
        return seen

    reached = {name: reach(name) for name in graph}
    return {
        frozenset(other for other in reached[name] if name in reached[other]) for name in graph if name in reached[name]
    }


@pytest.mark.cpython
def test_no_module_imports_itself_by_way_of_others() -> None:
    assert _circles(_graph(PACKAGE, types=False)) == set()


@pytest.mark.cpython
def test_imports_for_types_alone_close_no_circle_but_the_named_ones() -> None:
    circles = _circles(_graph(PACKAGE, types=True))
    assert [sorted(found) for found in circles if not any(found <= meant for meant in TYPE_CIRCLES)] == []


def test_a_circle_is_found_whether_it_is_of_modules_or_of_types_alone(tmp_path: Path) -> None:
    package = tmp_path / "toy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("from toy import b\n")
    (package / "b.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.c import X\n")
    (package / "c.py").write_text("class X:\n    def f(self):\n        import toy.d\n\nimport toy.a\n")
    (package / "d.py").write_text("import toy.c\n")
    assert _circles(_graph(package, types=False)) == set()
    assert _circles(_graph(package, types=True)) == {frozenset({"toy.a", "toy.b", "toy.c"})}
    (package / "b.py").write_text("import toy.c\n")
    assert _circles(_graph(package, types=False)) == {frozenset({"toy.a", "toy.b", "toy.c"})}
