"""The WebGPU executor: Programs as plans of WGSL kernels, everything resident on the device, one call a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from loom_py.executors.base import Memory
from loom_py.executors.webgpu.build import Builder
from loom_py.executors.webgpu.heap import Heap, Region
from loom_py.executors.webgpu.host import Host
from loom_py.executors.webgpu.loaded import GpuLoaded, GpuMemory
from loom_py.executors.webgpu.lower.call import Chooser, by_rule
from loom_py.executors.webgpu.lower.device_profile import DISCRETE_GPU, DeviceProfile
from loom_py.executors.webgpu.subgroups import subgroups_work
from loom_py.program import CONSTANTS, LOCAL, Program
from loom_py.shapes import AnyArray

FIRST_SCRATCH = 1 << 16


class WebGPUExecutor:
    """Runs Programs on one device."""

    name = "webgpu"
    depth = 3

    def __init__(
        self, host: Host, chooser: Callable[[Host, Heap], Chooser] | None = None, profile: DeviceProfile = DISCRETE_GPU
    ) -> None:
        """Create an executor on a device.

        Args:
            host: the device.
            chooser: makes the function that chooses variants of matrix products for a device; None: by rule.
            profile: how reductions are divided among the device's lanes.
        """
        self.host, self.profile = host, profile
        self.heap = Heap(host)
        self._choose = by_rule if chooser is None else chooser(host, self.heap)
        self._scratch: Region | None = None

    @property
    def software(self) -> bool:
        """Whether it is a software renderer."""
        return self.host.adapter.software

    @cached_property
    def subgroups(self) -> bool:
        """Whether kernels use subgroups; checked when the first Program is loaded."""
        return subgroups_work(self.host, self.heap)

    def allocate(self, sizes: Mapping[str, int]) -> GpuMemory:
        return GpuMemory(self.host, self.heap, sizes)

    def load(self, program: Program, memory: Memory) -> GpuLoaded:
        assert isinstance(memory, GpuMemory)
        regions = {**memory.regions, **{name: self.heap.take(program.sizes.get(name, 0)) for name in LOCAL}}
        for index, value in program.constants.items():
            self._write(regions[CONSTANTS].offset + program.buffers[index].offset, value)
        offsets, pieces = {name: r.offset for name, r in regions.items()}, list[Region]()
        scratch, table = (lambda n: self._piece(n, pieces)), (lambda a: self._table(a, pieces))
        builder = Builder(program, offsets, scratch, table, self._choose, self.profile, self.subgroups)
        return GpuLoaded(program, self.host, builder.build(), regions, (memory, *pieces))

    def _piece(self, nbytes: int, pieces: list[Region]) -> int:
        """Heap offset of scratch memory, which all plans share, since runs never overlap."""
        if self._scratch is None or self._scratch.nbytes < nbytes:
            self._scratch = self.heap.take(max(nbytes, FIRST_SCRATCH))
        if self._scratch not in pieces:
            pieces.append(self._scratch)
        return self._scratch.offset

    def _table(self, array: AnyArray, pieces: list[Region]) -> int:
        """Heap offset of constant numbers of a plan."""
        pieces.append(self.heap.take(array.nbytes))
        self._write(pieces[-1].offset, array)
        return pieces[-1].offset

    def _write(self, offset: int, array: AnyArray) -> None:
        raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        if raw.size:
            self.host.write(offset, raw)
