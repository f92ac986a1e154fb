"""What is done to wheels and zips on their way to the page: built, thinned, compiled to bytecode, listed in a lock."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD_FILES = (".pyi", ".pxd", ".pyx", ".h", ".c", ".a", ".f", ".f90", ".rst")


def make_wheel(folder: Path) -> Path:
    """Build our wheel into `folder` (PyPA's hatchling, no isolation)."""
    from hatchling.builders.wheel import WheelBuilder

    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


def without_build_files(wheel: Path, out: Path) -> None:
    """Copy the wheel without its files for C compilers and type checkers: a tenth of it, never read in a page."""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if not name.endswith(BUILD_FILES):
                target.writestr(name, source.read(name))


def py_compile(folder: Path) -> None:
    """Compile every wheel and zip in `folder` to bytecode; its pyodide-lock.json takes the new names and hashes."""
    tool = shutil.which("pyodide", path=str(Path(sys.executable).parent))
    if tool is None:
        raise OSError(f"expected pyodide-build's command beside {sys.executable}; do: npm run setup")
    subprocess.run([tool, "py-compile", "--silent", "--no-keep", str(folder)], check=True, stdout=subprocess.DEVNULL)


def add_to_lock(base_lock: Path, wheel: Path, out: Path) -> None:
    """Write `out`: the base lock and our wheel, with its hash, imports and dependencies."""
    try:
        from pyodide_lock import PyodideLockSpec
        from pyodide_lock.utils import add_wheels_to_spec
    except ImportError:  # It needs CPython 3.12; one row is soon written.
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
