"""The kernels' build refuses a module that could touch what is not its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cpython
ROOT = Path(__file__).resolve().parents[3]
if sys.platform != "emscripten":
    sys.path.insert(0, str(ROOT / "build"))
    try:
        import kernels
        import wasm_module
    finally:
        sys.path.pop(0)


def module(folder: Path, source: str) -> bytes:
    """A side module of this C source."""
    (folder / "a.c").write_text(source)
    kernels.zig(
        "cc", *kernels.WASM, "-mcpu=generic+simd128", "-c", str(folder / "a.c"), "-o", str(folder / "a.o")
    )  # fmt: skip
    kernels.zig(
        "wasm-ld", "--experimental-pic", "-shared", "--no-entry", "-o", str(folder / "a.wasm"), str(folder / "a.o")
    )
    return (folder / "a.wasm").read_bytes()


EXPORTED = """
__attribute__((visibility("default"))) void loom_run(void) {}
__attribute__((visibility("default"))) int loom_signature(void) { return 0; }
"""


def test_what_a_module_needs_is_read_from_it(tmp_path: Path) -> None:
    table = "static volatile int table[5] = {1, 2};\n"
    use = '__attribute__((visibility("default"))) void loom_run(void) { table[3] = 4; }\n'
    rest = EXPORTED.splitlines()[2]
    found = wasm_module.check("a", module(tmp_path, table + use + rest))
    assert found.exports >= {"loom_run", "loom_signature"}
    assert found.imports <= wasm_module.LOADER
    assert found.memory == 20


def test_a_strange_import_is_refused(tmp_path: Path) -> None:
    source = '__attribute__((import_module("env"), import_name("system"))) int system(const char *);\n'
    use = '__attribute__((visibility("default"))) void loom_run(void) { system(0); }\n'
    with pytest.raises(wasm_module.BadModuleError, match="system"):
        wasm_module.check("a", module(tmp_path, source + use + EXPORTED.splitlines()[2]))


def test_other_exports_are_refused(tmp_path: Path) -> None:
    with pytest.raises(wasm_module.BadModuleError, match="exports"):
        wasm_module.check("a", module(tmp_path, EXPORTED.splitlines()[1]))


def test_a_module_that_says_nothing_of_its_needs_is_refused() -> None:
    with pytest.raises(wasm_module.BadModuleError, match="dylink"):
        wasm_module.check("a", b"\0asm\1\0\0\0")


def test_a_source_that_does_not_compile_is_told_with_the_compiler_s_words(tmp_path: Path) -> None:
    with pytest.raises(wasm_module.BadModuleError, match="undeclared"):
        module(tmp_path, "int f(void) { return nothing; }")


def test_built_modules_are_current_and_small() -> None:
    build = [sys.executable, str(ROOT / "build" / "kernels.py")]
    subprocess.run(build, check=True, capture_output=True)
    assert subprocess.run(build, check=True, capture_output=True).stdout == b""
    for name in kernels.FEATURES:
        data = (kernels.PACKAGE / f"{name}.wasm").read_bytes()
        assert wasm_module.check(name, data).memory == 0
        assert len(data) < 160 * 1024
