"""Allocation in the device's memory, one buffer; regions are freed by Python's reference counting."""

from __future__ import annotations

import gc
import weakref
from bisect import insort

from loom_py.errors import UnavailableError
from loom_py.executors.webgpu.host import Host

ALIGNMENT = 256
FIRST_BYTES = 1 << 20


class Region:
    """A region of the heap, initially zero; freed when it is no longer referenced."""

    def __init__(self, heap: Heap, offset: int, nbytes: int) -> None:
        self.offset, self.nbytes = offset, nbytes
        weakref.finalize(self, heap.give_back, offset, nbytes).atexit = False


class Heap:
    """First-fit allocation in a buffer that grows by doubling."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._free: list[tuple[int, int]] = []  # offset, bytes; sorted and never adjacent
        self._returned: list[tuple[int, int]] = []
        """Regions freed since the last `take`; the garbage collector may free some during it."""
        self.nbytes = 0

    @property
    def used(self) -> int:
        """Allocated bytes."""
        self._join()
        return self.nbytes - sum(nbytes for _, nbytes in self._free)

    def take(self, nbytes: int) -> Region:
        """Allocate a region of zeros.

        Raises:
            UnavailableError: the device supports no buffer of that size.
        """
        size = max(-(-nbytes // ALIGNMENT) * ALIGNMENT, ALIGNMENT)
        self._join()
        place = next((n for n, (_, free) in enumerate(self._free) if free >= size), None)
        if place is None:
            self._make_room(size)
            return self.take(nbytes)
        offset, free = self._free.pop(place)
        if free > size:
            insort(self._free, (offset + size, free - size))
        self._host.clear(offset, size)
        return Region(self, offset, size)

    def give_back(self, offset: int, nbytes: int) -> None:
        """Free a region."""
        self._returned.append((offset, nbytes))

    def _join(self) -> None:
        """Add freed regions to the free list, merged with their neighbours."""
        if not self._returned:
            return
        returned, self._returned = self._returned, []
        joined: list[tuple[int, int]] = []
        for start, size in sorted([*self._free, *returned]):
            if joined and sum(joined[-1]) == start:
                joined[-1] = joined[-1][0], joined[-1][1] + size
            else:
                joined.append((start, size))
        self._free = joined

    def _make_room(self, size: int) -> None:
        try:
            self._grow(size)
        except UnavailableError:
            gc.collect()  # regions referenced only from a cycle
            if not self._returned:
                raise

    def _grow(self, size: int) -> None:
        """Enlarge the buffer so that n bytes are free at its end."""
        most = self._host.adapter.most_bytes // ALIGNMENT * ALIGNMENT
        tail = self._free[-1][1] if self._free and sum(self._free[-1]) == self.nbytes else 0
        least = self.nbytes - tail + size
        if least > most:
            raise UnavailableError.expected(
                f"memory of {self._host.adapter.name}",
                expected=f"at most {most / 2**20:.0f} MiB in all, its largest buffer",
                got=f"a request for {least / 2**20:.0f} MiB",
                do="use a smaller batch or network, or another device",
            )
        grown = min(max(2 * self.nbytes, least, FIRST_BYTES), most)
        try:
            self._host.resize(grown)
        except UnavailableError:
            if grown == least:
                raise
            grown = least
            self._host.resize(grown)
        before, self.nbytes = self.nbytes, grown
        self.give_back(before, grown - before)
