"""Tiling of reductions: tiles of results, lanes along their elements, and parts of the elements for workgroups."""

from __future__ import annotations

from dataclasses import dataclass

from loom_py.executors.strides import Split
from loom_py.executors.webgpu.lower.call import Call
from loom_py.executors.webgpu.lower.device_profile import DeviceProfile, power_above
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread

SIDE_BY_SIDE = 32
"""Neighbouring results that neighbouring lanes take."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """A reduction of `elements` values each to `results`.

    Attributes:
        split: axes with their strides.
        rows: whether neighbours in memory are elements of one result, not of different results.
        along: lanes of a workgroup that share a result.
        parts: workgroups that share the elements of a result.
        lanes: of a workgroup.
    """

    results: int
    elements: int
    split: Split
    rows: bool
    along: int
    parts: int
    lanes: int

    @property
    def part(self) -> int:
        """Elements of one part."""
        return max(-(-self.elements // self.parts), 1)

    @property
    def tiles(self) -> int:
        """Workgroups needed for all results."""
        return -(-self.results * self.along // self.lanes)

    @property
    def groups(self) -> tuple[int, int, int]:
        """Workgroups to dispatch."""
        return spread(self.tiles * self.parts, 1)

    @property
    def words(self) -> tuple[int, ...]:
        """As the kernels read it."""
        (_, sk0, k1, sk1), (_, sr0, r1, sr1) = self.split
        counts = (self.results, self.elements, self.along, self.part, self.tiles, self.tiles * self.parts)
        return (*counts, k1, sk0, sk1, r1, sr0, sr1)


def tiling(profile: DeviceProfile, axes: Split, *, empty: bool = False) -> Tiling:
    """The tiling of a reduction.

    Args:
        profile: of the device.
        axes: kept and reduced axes.
        empty: whether there is nothing to reduce.
    """
    (k0, _, k1, _), (r0, _, r1, sr1) = axes
    results, elements, lanes = k0 * k1, 0 if empty else r0 * r1, profile.workgroup
    rows = (sr1 == 1 and r1 > 1) or results == 1
    if rows:
        along = profile.along(results, elements)
    else:  # enough neighbouring results for a whole read of memory; more where elements are too few for the lanes
        across = max(SIDE_BY_SIDE, lanes // power_above(elements))
        along = min(lanes // min(across, lanes, power_above(results)), power_above(profile.lanes // max(results, 1)))
    tiles = -(-results * along // lanes)
    parts = 1
    if elements > 32 * along:
        parts = max(min(profile.groups // tiles, elements // (16 * along)), -(-elements // (256 * along)))
    return Tiling(results, elements, axes, rows, along, parts, lanes)


def columns(profile: DeviceProfile, results: int, elements: int) -> Tiling:
    """The tiling of the sums over the first axis of an array (elements, results)."""
    return tiling(profile, Split((1, 0, results, 1), (1, 0, elements, results)), empty=elements == 0)


SUM, SUM_OF_COUNTS, NOT_FINITE, NOT_ZERO = range(4)
"""Operations, as numbered in kernels/reduce.wgsl."""


def reduction(
    call: Call, out: int, x: int, shared: Tiling, *, operation: int = SUM, divisor: float = 1.0, finished: bool = True
) -> list[Dispatch]:
    """Dispatches of kernels/reduce.wgsl, as many as there are stages.

    Args:
        call: the call whose scratch memory to use.
        out, x: word offsets of the results and of the array.
        shared: tiling of the reduction.
        operation: one of those above.
        divisor: divisor of sums.
        finished: whether counts are converted to floats.
    """
    last = shared.parts == 1
    target = out if last else call.scratch(shared.parts * shared.results)
    constants = {"operation": operation, "rows": int(shared.rows), "finished": int(finished and last)}
    first = dispatch("reduce", target, x, divisor, *shared.words, groups=shared.groups, constants=constants)
    if last:
        return [first]
    rest = columns(call.profile, shared.results, shared.parts)
    follow = operation if operation == SUM else SUM_OF_COUNTS
    return [first, *reduction(call, out, target, rest, operation=follow, divisor=divisor, finished=finished)]


@dataclass(frozen=True, slots=True)
class Ranges:
    """A flat array of `size` values, cut into ranges of `part` for `count` workgroups."""

    size: int
    part: int
    count: int

    @property
    def groups(self) -> tuple[int, int, int]:
        """Workgroups to dispatch."""
        return spread(self.count, 1)

    @property
    def words(self) -> tuple[int, int, int]:
        """As the kernels read it."""
        return self.size, self.part, self.count


def ranges(profile: DeviceProfile, size: int, *, least: int = 4096) -> Ranges:
    """Ranges for a device.

    Args:
        profile: of the device.
        size: of the array.
        least: fewest values of a range, where there are several.
    """
    few, lanes = size <= profile.one_group, profile.workgroup
    count = 1 if few else max(min(-(-size // least), profile.groups), -(-size // (256 * lanes)))
    part = max(-(-size // (count * lanes)), 1) * lanes
    return Ranges(size, part, max(-(-size // part), 1))
