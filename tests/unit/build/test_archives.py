"""What is taken out of archives for the page: docstrings, and nothing else moves."""

from __future__ import annotations

import ast
import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.cpython

SCRIPT = Path(__file__).resolve().parents[3] / "build" / "archives.py"
SOURCE = '''"""Module.

More.
"""
import os; LATER = 1

@decorated("""no docstring""")
class A:
    r"""Class ü → ×."""
    def only(self): "one line"; return 1

    def doc_alone(self):
        \'\'\'
        Several lines.
        \'\'\'

    async def joined(self):
        "in two " \\
            "parts"
        return """kept"""


def none(): return "kept"
'''


@pytest.fixture(scope="module")
def archives() -> ModuleType:
    spec = importlib.util.spec_from_file_location("archives", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shape(source: bytes) -> list[tuple[str, int, int]]:
    """Every statement with its lines."""
    return [
        (type(node).__name__, node.lineno, node.end_lineno or 0)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt)
    ]


def test_docstrings_are_emptied_and_all_else_stays_where_it_is(archives: ModuleType) -> None:
    thin = archives.without_docstrings(SOURCE.encode())
    assert shape(thin) == shape(SOURCE.encode())
    texts = [node.value for node in ast.walk(ast.parse(thin)) if isinstance(node, ast.Constant)]
    assert sorted(text for text in texts if isinstance(text, str) and text) == ["kept", "kept", "no docstring"]
    assert texts.count("") == 5
    assert archives.without_docstrings(thin) == thin


def test_what_is_no_python_stays_as_it_is(archives: ModuleType) -> None:
    assert archives.without_docstrings(b"print 'old'\n") == b"print 'old'\n"


def test_a_wheel_loses_what_is_for_compilers(archives: ModuleType, tmp_path: Path) -> None:
    given, made = tmp_path / "given.whl", tmp_path / "made.whl"
    with zipfile.ZipFile(given, "w") as wheel:
        for name in ("numpy/a.py", "numpy/a.pyi", "numpy/f2py/b.py", "numpy/include/c.h", "numpy/d.so"):
            wheel.writestr(name, SOURCE)
    archives.thin(given, made)
    with zipfile.ZipFile(made) as wheel:
        assert wheel.namelist() == ["numpy/a.py", "numpy/d.so"]
        assert wheel.read("numpy/d.so").decode() == SOURCE
        assert wheel.read("numpy/a.py") == archives.without_docstrings(SOURCE.encode())
