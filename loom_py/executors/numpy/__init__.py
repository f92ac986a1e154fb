"""The NumPy executor, the reference for all others: an interpreter over preallocated buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter_ns
from typing import Any

import numpy as np

from loom_py.executors.base import Memory
from loom_py.program import LOCAL, OBSERVED, Program
from loom_py.shapes import AnyArray, ArrayLike

ALIGNMENT = 64


def aligned(nbytes: int) -> AnyArray:
    """`nbytes` zero bytes starting on a cache line; raises MemoryError."""
    try:
        raw = np.zeros(nbytes + ALIGNMENT, np.uint8)
    except ValueError:  # more than an array can have: 2 GiB in WebAssembly
        raise MemoryError(f"{nbytes} bytes are more than this machine can address; use a smaller network") from None
    start = -raw.__array_interface__["data"][0] % ALIGNMENT
    return raw[start : start + nbytes]


class NumpyMemory:
    """Persistent areas as byte arrays."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.areas = {name: aligned(nbytes) for name, nbytes in sizes.items()}

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: area.nbytes for name, area in self.areas.items()}

    def write(self, area: str, offset: int, array: AnyArray) -> None:
        view(self.areas[area], offset, array.shape, array.dtype)[...] = array

    def read(self, area: str, offset: int, shape: tuple[int, ...], dtype: Any = np.float32) -> AnyArray:
        return view(self.areas[area], offset, shape, np.dtype(dtype)).copy()


def view(area: AnyArray, offset: int, shape: tuple[int, ...], dtype: Any) -> AnyArray:
    """The array at a byte offset of an area."""
    return np.ndarray(shape, dtype, buffer=area.data, offset=offset)


class NumpyLoaded:
    """A Program bound to memory, each instruction a prepared call."""

    def __init__(self, program: Program, memory: NumpyMemory) -> None:
        self.program = program
        areas = {**memory.areas, **{name: aligned(program.sizes.get(name, 0)) for name in LOCAL}}
        self._observed = areas[OBSERVED]
        self.arrays = [view(areas[b.storage], b.offset, b.spec.shape, b.spec.dtype) for b in program.buffers]
        for index, value in program.constants.items():
            self.arrays[index][...] = value
        self.calls = [self._call(i) for i in program.instructions]
        self.times_ns: AnyArray = np.zeros(len(program.spans), np.int64)

    def _call(self, instruction: Any) -> Callable[[], None]:
        outputs = [self.arrays[i] for i in instruction.outputs]
        inputs = [None if i is None else self.arrays[i] for i in instruction.inputs]
        return partial(instruction.verb.meaning, *outputs, *inputs, **instruction.attrs)

    def write(self, name: str, value: ArrayLike) -> None:
        self.arrays[self.program.inputs[name]][...] = value

    def run(self, segment: str | None = None, *, timed: bool = False) -> None:
        start, stop = self.range_of(segment)
        with np.errstate(all="ignore"):  # statistics count non-finite numbers; no warnings
            if timed:
                self._run_timed(start, stop)
            else:
                for call in self.calls[start:stop]:
                    call()

    def range_of(self, segment: str | None) -> tuple[int, int]:
        """First and last+1 instruction of a segment, or of everything."""
        if segment is None:
            return 0, len(self.calls)
        part = self.program.segment(segment)
        return part.start, part.stop

    def _run_timed(self, start: int, stop: int) -> None:
        for number, span in enumerate(self.program.spans):
            first, last = max(span.start, start), min(span.stop, stop)
            if first < last:
                began = perf_counter_ns()
                for call in self.calls[first:last]:
                    call()
                self.times_ns[number] = perf_counter_ns() - began

    def results(self) -> NumpyLoaded:
        return self

    def read(self, name: str) -> AnyArray:
        return self.arrays[self.program.outputs[name]].copy()

    def read_observed(self) -> AnyArray:
        return self._observed.copy()


class NumpyExecutor:
    """Runs Programs with NumPy, instruction by instruction."""

    name = "numpy"
    depth = 0
    software = True

    def allocate(self, sizes: Mapping[str, int]) -> NumpyMemory:
        return NumpyMemory(sizes)

    def load(self, program: Program, memory: Memory) -> NumpyLoaded:
        assert isinstance(memory, NumpyMemory)
        return NumpyLoaded(program, memory)
