"""Profiles of devices: how work is divided among lanes."""

from __future__ import annotations

from dataclasses import dataclass

LANES = 256
"""Most lanes of a workgroup."""


def power_above(n: int) -> int:
    """Smallest power of two that is at least n, and at least 1."""
    return 1 << max(n - 1, 0).bit_length()


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """How to divide reductions on a kind of device.

    Attributes:
        lanes: invocations that keep it busy.
        workgroup: lanes of a reduction's workgroup, a power of two.
        values: fewest values for each lane, where there are enough.
        neighbours: fewest lanes that share a result, so that they read memory together.
        exchange: whether tiles in workgroup memory are worth their barriers.
        one_group: most values for a single workgroup, which saves a dispatch.
    """

    lanes: int
    workgroup: int
    values: int
    neighbours: int
    exchange: bool
    one_group: int

    @property
    def groups(self) -> int:
        """Workgroups that keep it busy."""
        return max(self.lanes // self.workgroup, 1)

    def along(self, results: int, elements: int) -> int:
        """Lanes that share a result with contiguous elements: a power of two."""
        needed = max(power_above(self.lanes // max(results, 1)), self.neighbours)
        return min(power_above(-(-elements // self.values)), needed, self.workgroup)


DISCRETE_GPU = DeviceProfile(lanes=1 << 17, workgroup=LANES, values=4, neighbours=32, exchange=True, one_group=1 << 14)
"""A large graphics card: about 132 multiprocessors with a thousand lanes each."""
SOFTWARE_GPU = DeviceProfile(lanes=128, workgroup=32, values=16, neighbours=1, exchange=False, one_group=1 << 12)
"""A software renderer: a few cores run the lanes one after the other, and pay for every barrier and for every lane of a
workgroup that has barriers."""
