"""Wheels and zips for the page: building, thinning, compiling to bytecode, listing in a lock."""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD_FILES = (".pyi", ".pxd", ".pyx", ".h", ".c", ".a", ".f", ".f90", ".rst")
BUILD_FOLDERS = ("numpy/f2py/", "numpy/_pyinstaller/")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def make_wheel(folder: Path) -> Path:
    """Build our wheel into `folder` (PyPA's hatchling, no isolation)."""
    from hatchling.builders.wheel import WheelBuilder

    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


def thin(archive: Path, out: Path) -> None:
    """Copy a zip or wheel without files of no use in a page: a quarter of NumPy, and of what is read at every start.

    That is docstrings, and files for compilers, type checkers and installers. Line numbers stay.
    """
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if not name.endswith(BUILD_FILES) and not name.startswith(BUILD_FOLDERS):
                content = source.read(name)
                target.writestr(name, without_docstrings(content) if name.endswith(".py") else content)


def without_docstrings(source: bytes) -> bytes:
    """The same Python with empty docstrings and all other lines in place; unchanged if it is not Python 3."""
    try:
        with warnings.catch_warnings(action="ignore"):  # deprecated escapes
            nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, DOCUMENTED) and node.body]
    except SyntaxError:
        return source
    starts = [0, *itertools.accumulate(len(line) for line in source.splitlines(keepends=True))]
    docs = [node.body[0] for node in nodes if ast.get_docstring(node, clean=False)]
    for doc in sorted(docs, key=lambda doc: -doc.lineno):  # from the end, so that earlier positions stay valid
        first, last = doc.lineno, doc.end_lineno or doc.lineno
        begin, end = starts[first - 1] + doc.col_offset, starts[last - 1] + (doc.end_col_offset or 0)
        source = source[:begin] + b'(""' + b"\n" * (last - first) + b")" + source[end:]
    return source


def py_compile(folder: Path) -> None:
    """Compile every wheel and zip in `folder` to bytecode; update names and hashes in its pyodide-lock.json."""
    tool = shutil.which("pyodide", path=str(Path(sys.executable).parent))
    if tool is None:
        raise OSError(f"expected pyodide-build's command beside {sys.executable}; do: npm run setup")
    options = ["--silent", "--no-keep", "--compression-level", "9"]
    # A quarter of bytecode is column positions, which tracebacks underline.
    env = {**os.environ, "PYTHONNODEBUGRANGES": "1"}
    subprocess.run([tool, "py-compile", *options, str(folder)], check=True, stdout=subprocess.DEVNULL, env=env)


def add_to_lock(base_lock: Path, wheel: Path, out: Path) -> None:
    """Write `out`: the base lock and our wheel, with its hash, imports and dependencies."""
    try:
        from pyodide_lock import PyodideLockSpec
        from pyodide_lock.utils import add_wheels_to_spec
    except ImportError:  # It needs CPython 3.12, and one row is easy to write.
        lock = json.loads(base_lock.read_text())
        name, version = wheel.name.split("-")[:2]
        lock["packages"]["loom-py"] = {
            "name": "loom-py", "version": version, "file_name": wheel.name, "install_dir": "site",
            "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(), "package_type": "package",
            "imports": [name], "depends": ["numpy"], "unvendored_tests": False,
        }  # fmt: skip
        out.write_text(json.dumps(lock, indent=1, sort_keys=True))
        return
    spec = add_wheels_to_spec(PyodideLockSpec.from_json(base_lock), [wheel], base_path=wheel.parent)
    spec.to_json(out)
