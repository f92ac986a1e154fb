"""Compiles the C kernels: two WebAssembly side modules for Pyodide, and on request a native library for the tests.

    python build/kernels.py           the modules, into loom_py/executors/wasm/, unless they are current
    python build/kernels.py native    the same sources for this machine; prints the library's path

The compiler is Clang from the PyPI package `ziglang`. The modules are position independent (wasm-ld -shared):
a `dylink.0` section declares their memory to Emscripten's loader, so that their data can't overlap Pyodide's own.
Imports, exports and memory are checked after every build.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wasm_module import BadModuleError, check

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "loom_py" / "executors" / "wasm"
SOURCES = PACKAGE / "kernels"
CACHE = ROOT / ".cache" / "kernels"
# Zig caches its own support files; they go into the same cache.
ENVIRONMENT = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig"), "ZIG_LOCAL_CACHE_DIR": str(CACHE / "zig")}
ZIG = (sys.executable, "-m", "ziglang")
COMMON = (
    "-std=c17",
    "-O3",
    "-fno-unroll-loops",
    "-fno-vectorize",
    "-fno-slp-vectorize",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Werror",
)
WASM = (*COMMON, "-target", "wasm32-freestanding", "-fPIC", "-nostdlib", "-fno-sanitize=all")
FEATURES = {"simd": "simd128+bulk_memory", "relaxed": "simd128+bulk_memory+relaxed_simd"}
"""The modules, and the engine features that they require."""
NATIVE = (*COMMON, "-march=native", "-shared", "-fPIC", "-fno-sanitize=all")
RECIPE = "1"  # Increase it when the code below changes its output.


def opcodes() -> tuple[str, ...]:
    """The list in loom_py/executors/wasm/opcodes.py, read without importing the package."""
    names: dict[str, object] = {}
    exec((PACKAGE / "opcodes.py").read_text(), names)
    return names["OPCODES"], names["SIGNATURE"]  # type: ignore[return-value]


def write_opcodes(folder: Path) -> None:
    """Write opcodes.h: the numbers and the list of kernels."""
    names, signature = opcodes()
    kernels = [n for n in names if n != "span"]
    lines = ["#pragma once", f"#define SIGNATURE {signature}"]
    lines += [f"#define OP_{name} {number}" for number, name in enumerate(names)]
    lines.append("#define FOR_EACH_KERNEL(X) " + " ".join(f"X({name})" for name in kernels))
    (folder / "opcodes.h").write_text("\n".join(lines) + "\n")


def key() -> str:
    """Digest of all inputs of a build."""
    total = hashlib.sha256(f"{RECIPE} {importlib.metadata.version('ziglang')} {WASM} {FEATURES} {NATIVE}".encode())
    for path in (*sorted(SOURCES.iterdir()), PACKAGE / "opcodes.py"):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def zig(*arguments: str) -> None:
    """Run the compiler; shows its output when it fails."""
    done = subprocess.run([*ZIG, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BadModuleError(f"zig {' '.join(arguments)}\n{done.stdout}{done.stderr}")


def compile_module(folder: Path, name: str) -> Path:
    """Compile one module into `folder`."""
    objects = []
    for source in sorted(SOURCES.glob("*.c")):
        target = folder / f"{source.stem}.{name}.o"
        zig("cc", *WASM, f"-mcpu=generic+{FEATURES[name]}", f"-I{folder}", "-c", str(source), "-o", str(target))
        objects.append(str(target))
    module = folder / f"{name}.wasm"
    zig("wasm-ld", "--experimental-pic", "-shared", "--no-entry", "--strip-all", "-o", str(module), *objects)
    return module


def build() -> bool:
    """Build the modules unless they are current; returns whether they were built."""
    stamp, wanted = CACHE / "stamp", key()
    targets = [PACKAGE / f"{name}.wasm" for name in FEATURES]
    if all(t.exists() for t in targets) and stamp.exists() and stamp.read_text() == wanted:
        return False
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        write_opcodes(Path(scratch))
        for target in targets:
            made = compile_module(Path(scratch), target.stem)
            found = check(target.stem, made.read_bytes())
            os.replace(made, target)
            size, imports = target.stat().st_size / 1024, ", ".join(sorted(found.imports))
            print(
                f"  kernels, {target.name}: {size:.1f} KiB, own data {found.memory} bytes, imports {imports}",
                flush=True,
            )
    stamp.write_text(wanted)
    return True


def native() -> Path:
    """The library for this machine; built if it is missing."""
    target = CACHE / f"native-{key()[:16]}.so"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            write_opcodes(Path(scratch))
            sources = [str(p) for p in sorted(SOURCES.glob("*.c"))]
            made = Path(scratch) / "native.so"
            zig("cc", *NATIVE, f"-I{scratch}", "-o", str(made), *sources)
            for old in CACHE.glob("native-*.so"):
                old.unlink()
            os.replace(made, target)
    return target


def main(arguments: Sequence[str]) -> int:
    """Build the modules or the native library."""
    try:
        if list(arguments) == ["native"]:
            print(native())
        else:
            build()
    except (BadModuleError, OSError) as error:
        print(f"kernels: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
