"""How finely a device likes work to be shared out."""

from __future__ import annotations

from dataclasses import dataclass

LANES = 256
"""The most that a workgroup has."""


def power_above(n: int) -> int:
    """The power of two that is at least n, and at least 1."""
    return 1 << max(n - 1, 0).bit_length()


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """What a device asks of those who share out a reduction.

    Attributes:
        lanes: invocations that keep it busy.
        workgroup: how many of them a workgroup of a reduction has, a power of two.
        values: each lane takes at least, where there are so many.
        neighbours: lanes that share a result at least, so that they read memory together.
        exchange: whether it pays to share tiles in workgroup memory, which costs barriers.
        one_group: values up to this number are left to one workgroup, which saves a dispatch and is as quick.
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
        """Lanes that share a result whose elements are neighbours in memory: a power of two."""
        needed = max(power_above(self.lanes // max(results, 1)), self.neighbours)
        return min(power_above(-(-elements // self.values)), needed, self.workgroup)


DISCRETE_GPU = DeviceProfile(lanes=1 << 17, workgroup=LANES, values=4, neighbours=32, exchange=True, one_group=1 << 14)
"""A large graphics card: 132 multiprocessors or so, each with a thousand lanes under way."""
SOFTWARE_GPU = DeviceProfile(lanes=128, workgroup=32, values=16, neighbours=1, exchange=False, one_group=1 << 12)
"""A software renderer: a few cores run the lanes one after the other, and pay for every barrier and for every lane of a
workgroup that has barriers."""
