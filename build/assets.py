"""Builds .cache/pyodide: a complete folder from which a page quickly loads Pyodide, NumPy and this package.

The C kernels are built first, into the package. The standard library, NumPy's wheel and our own are precompiled to
bytecode (pyodide-build), and the folder's pyodide-lock.json lists its files with hashes (pyodide-lock). Pyodide's
part is built once per release, our wheel whenever its sources change, with the tables of build/package_hook.py. Prints
nothing if everything is up to date.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kernels
from archives import ROOT, add_to_lock, make_wheel, py_compile, thin
from numpy_wheel import WrongFileError, fetch, wanted_from

CACHE = ROOT / ".cache"
OUT = CACHE / "pyodide"
LOCK = "pyodide-lock.json"
BASE_LOCK = "base-lock.json"
PYODIDE = ROOT / "node_modules" / "pyodide"
# pyodide.asm.js became pyodide.asm.mjs in Pyodide 314.
# package.json tells Node that pyodide.asm.js is no ES module.
ENGINE = ("package.json", "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.mjs", "pyodide.asm.wasm")
STDLIB = "python_stdlib.zip"
HOST = f"{sys.version_info.major}.{sys.version_info.minor}"
RECIPE = "5"  # Increase it when the code below changes its output.


def digest(*parts: bytes | str) -> str:
    """SHA-256 in hex over the parts, each with its length before it."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


def sources_digest() -> str:
    """SHA-256 of the sources of our wheel: paths and contents."""
    files = [p for p in sorted((ROOT / "loom_py").rglob("*")) if p.is_file() and p.suffix != ".pyc"]
    extra = [
        p for name in ("pyproject.toml", "build/package_hook.py", "LICENSE", "README.md") if (p := ROOT / name).exists()
    ]
    return digest(*(x for p in [*files, *extra] for x in (p.relative_to(ROOT).as_posix(), p.read_bytes())))


def same_bytecode(lock: dict[str, Any]) -> bool:
    """Whether this interpreter's bytecode runs in the release's Python."""
    return bool(lock["info"]["python"].rpartition(".")[0] == HOST)


def make_base(folder: Path, lock: dict[str, Any], numpy_wheel: Path, compiled: bool) -> None:
    """Put Pyodide's engine, standard library and NumPy into `folder`, with a lock that lists nothing else."""
    for name in ENGINE:
        if (PYODIDE / name).exists():
            shutil.copyfile(PYODIDE / name, folder / name)
    thin(PYODIDE / STDLIB, folder / STDLIB)
    thin(numpy_wheel, folder / numpy_wheel.name)
    sha256 = hashlib.sha256((folder / numpy_wheel.name).read_bytes()).hexdigest()
    packages = {"numpy": {**lock["packages"]["numpy"], "sha256": sha256}}
    (folder / LOCK).write_text(json.dumps({**lock, "packages": packages}))
    if compiled:
        py_compile(folder)
    (folder / LOCK).rename(folder / BASE_LOCK)


def refresh_base(lock: dict[str, Any], stamp: dict[str, str], compiled: bool) -> str:
    """Rebuild Pyodide's part if its inputs changed; return the key of the inputs."""
    wanted = wanted_from(PYODIDE)
    key = digest(RECIPE, *wanted, str(compiled), (PYODIDE / LOCK).read_bytes())
    if stamp.get("base") == key and (OUT / BASE_LOCK).exists():
        return key
    numpy_wheel = fetch(wanted, CACHE / "downloads")
    if compiled:
        print("  compiling Python's standard library and NumPy to bytecode …", flush=True)
    else:
        print(f"  note: Python {HOST}, Pyodide has {lock['info']['python']}: no bytecode, the page starts slower")
    fresh = Path(tempfile.mkdtemp(prefix="pyodide-", dir=CACHE))
    make_base(fresh, lock, numpy_wheel, compiled)
    shutil.rmtree(OUT, ignore_errors=True)
    fresh.chmod(0o755)
    fresh.rename(OUT)
    return key


def refresh_wheel(base: str, stamp: dict[str, str], compiled: bool) -> str:
    """Rebuild our wheel and the lock if a source changed; return the key of the inputs."""
    key = digest(RECIPE, base, sources_digest())
    if stamp.get("wheel") == key and (OUT / LOCK).exists():
        return key
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        folder = Path(scratch)
        add_to_lock(OUT / BASE_LOCK, make_wheel(folder), folder / LOCK)
        if compiled:
            py_compile(folder)
        wheel = next(folder.glob("*.whl"))
        for old in set(OUT.glob("loom_py-*.whl")) - {OUT / wheel.name}:
            old.unlink()
        wheel.replace(OUT / wheel.name)
        (folder / LOCK).replace(OUT / LOCK)
        print(f"  our wheel: {(OUT / wheel.name).stat().st_size / 1024:.0f} KiB, {wheel.name}", flush=True)
    return key


def make_stock(out: Path, lock: dict[str, Any]) -> None:
    """Make an ordinary folder as the bench's baseline: nothing precompiled, the full lock."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name in (*ENGINE, STDLIB):
        if (PYODIDE / name).exists():
            shutil.copyfile(PYODIDE / name, out / name)
    shutil.copy(fetch(wanted_from(PYODIDE), CACHE / "downloads"), out)
    (out / BASE_LOCK).write_text(json.dumps(lock))
    add_to_lock(out / BASE_LOCK, make_wheel(out), out / LOCK)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Make a second run wait for the first, since both write the same folder."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "assets.lock").open("w") as handle:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        except ImportError:  # Windows has no flock; concurrent runs are not guarded there.
            pass
        yield


def main() -> int:
    """Bring .cache/pyodide up to date."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1577836800")  # Bytecode without a build time.
    lock = json.loads((PYODIDE / LOCK).read_text())
    compiled = same_bytecode(lock)
    with one_at_a_time():
        path = CACHE / "assets.json"
        stamp = json.loads(path.read_text()) if path.exists() else {}
        try:
            kernels.build()
            stamp["base"] = refresh_base(lock, stamp, compiled)
            stamp["wheel"] = refresh_wheel(stamp["base"], stamp, compiled)
        except (OSError, WrongFileError, kernels.BadModuleError, subprocess.SubprocessError) as error:
            print(f"assets: {error}", file=sys.stderr)
            return 1
        finally:
            path.write_text(json.dumps(stamp))
        if "--stock" in sys.argv[1:]:
            make_stock(CACHE / "pyodide-stock", lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
