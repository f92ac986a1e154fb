"""The executors that the suites run on beside NumPy, as far as this host has them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from loom_py.errors import UnavailableError
from loom_py.executors.base import Memory
from loom_py.executors.wasm import WasmExecutor
from loom_py.executors.wasm.library import Library
from loom_py.executors.webgpu import WebGPUExecutor
from loom_py.executors.webgpu.find import find_executor
from loom_py.executors.webgpu.loaded import GpuLoaded, GpuMemory
from loom_py.executors.webgpu.native import native_host
from loom_py.executors.webgpu.plan import source
from loom_py.executors.webgpu.subgroups import SUBGROUPS
from loom_py.program import Program
from tests import vulkan

ROOT = Path(__file__).resolve().parents[2]


@cache
def native_library() -> str:
    """Path of the kernels compiled for this machine."""
    build = [sys.executable, str(ROOT / "build" / "kernels.py"), "native"]
    return subprocess.run(build, check=True, capture_output=True, text=True).stdout.strip()


@cache
def wasm() -> tuple[str, WasmExecutor]:
    """The WASM executor: its modules inside Pyodide, on CPython the same C sources compiled for this machine."""
    if sys.platform == "emscripten":
        executor = WasmExecutor()
        return f"wasm ({executor.library.name})", executor
    return "wasm (native)", WasmExecutor(Library(native_library(), "native"))


@cache
def webgpu() -> tuple[str, WebGPUExecutor] | None:
    """The WebGPU executor; None where there is no driver.

    In a page it has the profile of its device, natively (through wgpu) that of a discrete GPU even on a software
    renderer, so that both profiles are tested.
    """
    try:
        if sys.platform == "emscripten":
            return "webgpu (page)", find_executor()
        vulkan.provide()
        return "webgpu (native)", WebGPUExecutor(native_host())
    except UnavailableError:
        return None


class Edition:
    """The WebGPU executor, its kernels' lanes meeting by subgroups, or by the tree; device and memory are the same.

    Attributes:
        differs: whether a kernel of the Program loaded last is another text in the other edition.
    """

    name, depth, software = "webgpu", WebGPUExecutor.depth, False

    def __init__(self, executor: WebGPUExecutor, *, subgroups: bool) -> None:
        self._executor, self._subgroups, self.differs = executor, subgroups, False

    def allocate(self, sizes: Mapping[str, int]) -> GpuMemory:
        return self._executor.allocate(sizes)

    def load(self, program: Program, memory: Memory) -> GpuLoaded:
        executor, before = self._executor, self._executor.subgroups
        executor.subgroups = self._subgroups
        try:
            loaded = executor.load(program, memory)
        finally:
            executor.subgroups = before
        names = {kernel.name for kernel in loaded._built.plan.kernels}
        self.differs = any(source(name) != source(name, subgroups=True) for name in names)
        return loaded


def has_subgroups() -> bool:
    """Whether there is a GPU whose lanes can speak to their neighbours."""
    found = webgpu()
    return found is not None and SUBGROUPS in found[1].host.adapter.features
