"""The WASM executor: Programs packed into words, run by SIMD kernels in Pyodide's own memory, one call a run."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakSet

from loom_py.errors import UnavailableError
from loom_py.executors.base import Memory
from loom_py.executors.numpy import NumpyMemory, aligned
from loom_py.executors.wasm.library import Library, load
from loom_py.executors.wasm.loaded import WasmLoaded, Workspace
from loom_py.executors.wasm.pack.matmul import SCRATCH
from loom_py.program import Program


class WasmExecutor:
    """Runs Programs by compiled kernels, and by NumPy verbs without a kernel."""

    name = "wasm"
    depth = 0
    software = True

    def __init__(self, library: Library | None = None) -> None:
        """Load the kernels.

        Args:
            library: kernels to use; None: the package's own.

        Raises:
            UnavailableError: the kernels can't be used here; the text says why.
        """
        self.library = library or load()
        self._scratch = aligned(SCRATCH)  # shared by all Programs, since runs never overlap
        self._workspaces: WeakSet[Workspace] = WeakSet()  # likewise, each while a Program uses it

    def allocate(self, sizes: Mapping[str, int]) -> NumpyMemory:
        return NumpyMemory(sizes)

    def load(self, program: Program, memory: Memory) -> WasmLoaded:
        assert isinstance(memory, NumpyMemory)
        return WasmLoaded(program, memory, self.library, self._scratch, self._workspaces)


def wasm_unavailable_reason() -> str | None:
    """Why the WASM executor can't be used here; None if it can."""
    try:
        load()
    except UnavailableError as error:
        return str(error)
    return None
