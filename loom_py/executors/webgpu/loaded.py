"""A Program on the GPU: inputs are staged, a run is one call of the host, small results come back with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from loom_py.errors import DeviceLostError
from loom_py.executors.numpy import view
from loom_py.executors.webgpu.build import Built
from loom_py.executors.webgpu.heap import Heap, Region
from loom_py.executors.webgpu.host import Host
from loom_py.program import OBSERVED, Program
from loom_py.shapes import AnyArray, ArrayLike


class GpuMemory:
    """Persistent areas in the device's heap."""

    def __init__(self, host: Host, heap: Heap, sizes: Mapping[str, int]) -> None:
        self._host = host
        self._sizes = dict(sizes)
        self.regions = {name: heap.take(nbytes) for name, nbytes in sizes.items()}

    @property
    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    def write(self, area: str, offset: int, array: AnyArray) -> None:
        if array.size:
            raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            self._host.write(self.regions[area].offset + offset, raw)

    def read(self, area: str, offset: int, shape: tuple[int, ...], dtype: Any = np.float32) -> AnyArray:
        out: AnyArray = np.empty(shape, dtype)
        if out.size:
            out = self._host.read(self.regions[area].offset + offset, out.nbytes).view(dtype).reshape(shape)
        return out


class GpuLoaded:
    """A Program bound to memory in the heap."""

    def __init__(
        self, program: Program, host: Host, built: Built, regions: Mapping[str, Region], kept: tuple[object, ...]
    ) -> None:
        self.program = program
        self._host, self._built, self._regions = host, built, dict(regions)
        self._kept = kept  # memory that the plan refers to lives as long
        self._number = host.load(built.plan)
        self._staged: AnyArray = np.zeros(built.plan.staged_bytes, np.uint8)
        self._inputs = {
            name: (bit, view(self._staged, at, spec.shape, spec.dtype))
            for bit, (name, at) in enumerate(built.staged.items())
            for spec in [program.buffers[program.inputs[name]].spec]
        }
        self._fresh = 0
        self._ticket: int | None = None
        self._report: AnyArray = np.zeros(built.plan.report_bytes, np.uint8)
        self.times_ns: AnyArray = np.zeros(len(program.spans), np.int64)
        self._pairs = _Pairs(program)

    def __del__(self) -> None:
        try:
            self._host.unload(self._number)
        except (AttributeError, DeviceLostError):
            pass  # it was never loaded, or all of it is gone

    def write(self, name: str, value: ArrayLike) -> None:
        bit, staged = self._inputs[name]
        staged[...] = value
        self._fresh |= 1 << bit

    def run(self, segment: str | None = None, *, timed: bool = False) -> None:
        first, last = 0, len(self._built.starts) - 1
        if segment is not None:
            part = self.program.segment(segment)
            first, last = part.start, part.stop
        starts = self._built.starts
        self._ticket = self._host.run(self._number, starts[first], starts[last], self._staged, self._fresh, timed)
        self._fresh = 0

    def read(self, name: str) -> AnyArray:
        buffer = self.program.buffers[self.program.outputs[name]]
        at = self._built.reported.get(name)
        if at is not None:
            return view(self._results(), at, buffer.spec.shape, buffer.spec.dtype).copy()
        if not buffer.spec.nbytes:
            return np.empty(buffer.spec.shape, buffer.spec.dtype)
        raw = self._host.read(self._regions[buffer.storage].offset + buffer.offset, buffer.spec.nbytes)
        return raw.view(buffer.spec.dtype).reshape(buffer.spec.shape)

    def read_observed(self) -> AnyArray:
        return self._pairs.joined(self._results()[self._built.observed :])

    def _results(self) -> AnyArray:
        """The report of the last run."""
        if self._ticket is not None:
            self._report, times = self._host.wait(self._ticket)
            self._ticket = None
            self.times_ns = np.zeros(len(self.program.spans), np.int64) if times is None else times
        return self._report


class _Pairs:
    """Float64 numbers among the observations: the GPU leaves each as two float32 whose sum it is."""

    def __init__(self, program: Program) -> None:
        places: list[int] = []
        for buffer in program.buffers:
            if buffer.storage == OBSERVED and buffer.spec.dtype == np.float64:
                places += range(buffer.offset // 8, buffer.offset // 8 + buffer.spec.size)
        self._places = np.array(sorted(set(places)), np.intp)

    def joined(self, raw: AnyArray) -> AnyArray:
        """The same bytes with real float64 in their places."""
        whole: AnyArray = np.zeros(-(-raw.nbytes // 8) * 8, np.uint8)
        whole[: raw.nbytes] = raw
        halves = whole.view(np.float32).reshape(-1, 2)[self._places].astype(np.float64)
        whole.view(np.float64)[self._places] = halves[:, 0] + halves[:, 1]
        return whole[: raw.nbytes]
