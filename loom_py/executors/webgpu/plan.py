"""Plans: Programs as a WebGPU host runs them, in plain numbers: pipelines, dispatches, inputs to write and reports.

All memory of a device is one storage buffer, the heap: every kernel has the same two bindings (the heap, and 256 bytes
of parameters), and a whole plan needs one bind group. Hosts know neither verbs nor layers.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from loom_py.shapes import AnyArray

KERNELS = Path(__file__).parent / "kernels"
PARAMETER_BYTES = 256
"""Bytes of each dispatch's parameters: WebGPU's alignment of offsets into uniform buffers."""
ENABLE = "enable subgroups; "
"""First words of a module that uses subgroups, on one line with its own first words."""
MOST_GROUPS = 65535
"""Most workgroups along one axis on every device."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A compute pipeline: a file of kernels/, its override constants, and whether it uses subgroups."""

    name: str
    constants: tuple[tuple[str, float], ...] = ()
    subgroups: bool = False

    @property
    def source(self) -> str:
        """Its WGSL."""
        return source(self.name, self.subgroups)


@cache
def source(name: str, subgroups: bool = False) -> str:
    """The text of kernels/`name`.wgsl, followed by that of every part it includes by a line like "// with functions".

    A part workgroup_….wgsl may have a second edition for devices with subgroups, subgroup_….wgsl. WGSL allows
    declarations in any order, so parts come last and the kernel's lines keep their numbers in error messages; only
    `enable` directives go first.
    """
    text = (KERNELS / f"{name}.wgsl").read_text(encoding="utf-8")
    parts = [line.removeprefix("// with ") for line in text.splitlines() if line.startswith("// with ")]
    whole = "\n".join((text, *(source(_edition(part, subgroups), subgroups) for part in parts)))
    return ENABLE + whole.replace(ENABLE, "") if ENABLE in whole else whole


def _edition(part: str, subgroups: bool) -> str:
    """Name of the part's edition for such a device."""
    special = part.replace("workgroup_", "subgroup_", 1)
    return special if subgroups and (KERNELS / f"{special}.wgsl").exists() else part


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A kernel on a number of workgroups; `params` are the words of its uniform struct."""

    kernel: Kernel
    params: bytes
    groups: tuple[int, int, int]


def dispatch(
    name: str, *params: float, groups: tuple[int, int, int], constants: Mapping[str, float] | None = None
) -> Dispatch:
    """A Dispatch of kernels/`name`.wgsl.

    Args:
        name: the kernel.
        params: members of its struct in order: an int becomes a u32 or i32, a float an f32.
        groups: workgroups along x, y, z.
        constants: values of override constants.
    """
    packed = b"".join(
        struct.pack("<f", p) if isinstance(p, float) else struct.pack("<I", p & 0xFFFFFFFF) for p in params
    )
    assert len(packed) <= PARAMETER_BYTES
    assert all(0 < n <= MOST_GROUPS for n in groups)
    return Dispatch(Kernel(name, tuple(sorted((constants or {}).items()))), packed, groups)


def _word(value: float) -> bytes:
    return struct.pack("<f", value) if isinstance(value, float) else struct.pack("<I", value & 0xFFFFFFFF)


def spread(items: int, per_group: int = 256) -> tuple[int, int, int]:
    """Workgroups for `items` items, in rows of at most MOST_GROUPS; kernels skip those beyond the last item."""
    groups = max(-(-items // per_group), 1)
    rows = -(-groups // MOST_GROUPS)
    return -(-groups // rows), rows, 1


def _sized(kernel: Kernel, lanes: int) -> Kernel:
    if not lanes or "override LANES" not in source(kernel.name):
        return kernel
    return replace(kernel, constants=tuple(sorted({**dict(kernel.constants), "LANES": lanes}.items())))


def plan_rows(
    dispatches: Sequence[Dispatch], *, lanes: int = 0, subgroups: bool = False
) -> tuple[tuple[Kernel, ...], AnyArray, AnyArray]:
    """Dispatches as a Plan has them: the kernels, each once, rows and parameters.

    Args:
        dispatches: in order.
        lanes: size of workgroups for kernels that support any; 0: their default.
        subgroups: whether kernels use subgroups.
    """
    numbers = {kernel: n for n, kernel in enumerate({d.kernel: None for d in dispatches})}
    kernels = tuple(replace(_sized(kernel, lanes), subgroups=subgroups) for kernel in numbers)
    rows = np.array([(numbers[d.kernel], *d.groups) for d in dispatches], np.uint32).reshape(-1, 4)
    params = np.zeros((len(dispatches), PARAMETER_BYTES), np.uint8)
    for row, d in zip(params, dispatches, strict=True):
        row[: len(d.params)] = np.frombuffer(d.params, np.uint8)
    return kernels, rows, params


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, which a host loads once and runs often.

    Attributes:
        kernels: the pipelines, each once.
        dispatches: (D, 4) uint32: number of the kernel, workgroups along x, y, z.
        params: (D, 256) uint8.
        inputs: (N, 3) uint32: heap byte offset, offset in the staged bytes, bytes of each input.
        report: (R, 2) uint32: heap byte offset and bytes of each part of the report, in order.
        spans: (S, 2) uint32: first and last+1 dispatch of every unit of timing, in order, without gaps.
    """

    kernels: tuple[Kernel, ...]
    dispatches: AnyArray
    params: AnyArray
    inputs: AnyArray
    report: AnyArray
    spans: AnyArray

    @property
    def staged_bytes(self) -> int:
        """Bytes of all inputs together."""
        return int((self.inputs[:, 1] + self.inputs[:, 2]).max(initial=0))

    @property
    def report_bytes(self) -> int:
        """Bytes of the report."""
        return int(self.report[:, 1].sum())
