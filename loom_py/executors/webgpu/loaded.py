"""A Program on the GPU: staged inputs, one call of the host a run, and a report of small results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from loom_py.errors import DeviceLostError, LoomError, UnavailableError
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
        self._host, self._built = host, built
        self._reader = _Reader(program, host, built, regions)
        self._kept = kept  # keeps alive the memory that the plan refers to
        try:
            self._number = host.load(built.plan)
        except DeviceLostError:
            raise
        except LoomError as error:  # nothing was changed: the run can be repeated elsewhere
            raise UnavailableError(str(error)) from error
        self._staged: AnyArray = np.zeros(built.plan.staged_bytes, np.uint8)
        self._inputs = {
            name: (bit, view(self._staged, at, spec.shape, spec.dtype))
            for bit, (name, at) in enumerate(built.staged.items())
            for spec in [program.buffers[program.inputs[name]].spec]
        }
        self._fresh = 0
        self._last = GpuResults(self._reader, None)

    def __del__(self) -> None:
        with suppress(AttributeError, DeviceLostError):  # it was never loaded, or the device is lost
            self._host.unload(self._number)

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
        ticket = self._host.run(self._number, starts[first], starts[last], self._staged, self._fresh, timed)
        self._last = GpuResults(self._reader, ticket)
        self._fresh = 0

    def results(self) -> GpuResults:
        return self._last

    @property
    def times_ns(self) -> AnyArray | None:
        return self._last.times_ns

    def read(self, name: str) -> AnyArray:
        return self._last.read(name)

    def read_observed(self) -> AnyArray:
        return self._last.read_observed()


class GpuResults:
    """Results of one run, fetched on first use; later runs of the same Program don't change them.

    Except for large outputs, which are read from the device's memory as it is then.
    """

    def __init__(self, reader: _Reader, ticket: int | None) -> None:
        self.program = reader.program
        self._reader, self._ticket = reader, ticket

    def __del__(self) -> None:
        if self._ticket is not None and "_report" not in self.__dict__:
            self._reader.forget(self._ticket)

    @cached_property
    def _report(self) -> tuple[AnyArray, AnyArray | None]:
        return self._reader.report(self._ticket)

    @property
    def times_ns(self) -> AnyArray | None:
        return self._report[1]

    def read(self, name: str) -> AnyArray:
        return self._reader.output(name, lambda: self._report[0])

    def read_observed(self) -> AnyArray:
        return self._reader.observed(self._report[0])


class _Reader:
    """Reads outputs and observations from reports."""

    def __init__(self, program: Program, host: Host, built: Built, regions: Mapping[str, Region]) -> None:
        self.program = program
        self._host, self._built, self._regions = host, built, dict(regions)
        self._pairs = _pairs(program)

    def report(self, ticket: int | None) -> tuple[AnyArray, AnyArray | None]:
        """The report of a run; waits for it. Zeros before the first run."""
        if ticket is None:
            return np.zeros(self._built.plan.report_bytes, np.uint8), None
        return self._host.wait(ticket)

    def forget(self, ticket: int) -> None:
        """Free the report of a run."""
        self._host.forget(ticket)

    def output(self, name: str, report: Callable[[], AnyArray]) -> AnyArray:
        """A named output: a small one from the report, a large one from the device's memory."""
        buffer = self.program.buffers[self.program.outputs[name]]
        spec, at = buffer.spec, self._built.reported.get(name)
        if not spec.nbytes:
            return np.empty(spec.shape, spec.dtype)
        if at is not None:
            raw = report()[at : at + spec.nbytes].copy()
        else:
            raw = self._host.read(self._regions[buffer.storage].offset + buffer.offset, spec.nbytes)
        if spec.dtype == np.float64:
            return _joined(raw.view(np.float32).reshape(-1, 2)).reshape(spec.shape)
        return raw.view(spec.dtype).reshape(spec.shape)

    def observed(self, report: AnyArray) -> AnyArray:
        """The observations, with pairs of float32 converted to float64."""
        raw = report[self._built.observed :]
        whole: AnyArray = np.zeros(-(-raw.nbytes // 8) * 8, np.uint8)
        whole[: raw.nbytes] = raw
        whole.view(np.float64)[self._pairs] = _joined(whole.view(np.float32).reshape(-1, 2)[self._pairs])
        return whole[: raw.nbytes]


def _joined(pairs: AnyArray) -> AnyArray:
    """Float64 numbers (N), from the GPU's pairs of float32 (N,2): their sums."""
    return np.asarray(pairs[:, 0].astype(np.float64) + pairs[:, 1])


def _pairs(program: Program) -> AnyArray:
    """Places of float64 numbers among the observations, in steps of 8 bytes."""
    places: set[int] = set()
    for buffer in program.buffers:
        if buffer.storage == OBSERVED and buffer.spec.dtype == np.float64:
            places.update(range(buffer.offset // 8, buffer.offset // 8 + buffer.spec.size))
    return np.array(sorted(places), np.intp)
