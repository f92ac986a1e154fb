"""The memory plan: the offset of each buffer in the arena, from the instructions at which it is alive.

Greedy by size: the largest first, each at the lowest offset that is free during its whole life. Found near optimal by
Pisarchyk & Lee 2020, "Efficient Memory Management for Deep Neural Net Inference".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from loom_py.program.program import ARENA, Buffer, Instruction

ALIGNMENT = 64  # bytes: a cache line, also good for SIMD loads


class _Lives:
    """First and last instruction at which each root buffer is alive; buffers merged in place share one life."""

    def __init__(
        self, buffers: Sequence[Buffer], instructions: Sequence[Instruction], keep: set[int], inputs: set[int]
    ) -> None:
        self.buffers = buffers
        end = len(instructions)
        self.first: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self.owner: dict[int, int] = {}
        for position, instruction in enumerate(instructions):
            for index in (*instruction.outputs, *(i for i in instruction.inputs if i is not None)):
                root = buffers[index].root
                if buffers[root].storage == ARENA:
                    self.first.setdefault(root, position)
                    self.last[root] = position
        for index in keep:
            root = buffers[index].root
            if buffers[root].storage == ARENA:
                self.first.setdefault(root, 0)
                self.last[root] = end
        for index in inputs:
            self.first[index] = 0
        self._merge(instructions)

    def _merge(self, instructions: Sequence[Instruction]) -> None:
        """Let an output take over the memory of an input that dies with its instruction."""
        for position, instruction in enumerate(instructions):
            if len(instruction.outputs) != 1:
                continue
            out = self.buffers[instruction.outputs[0]]
            if out.root != out.index or out.storage != ARENA:
                continue
            for place in instruction.verb.reuses:
                index = instruction.inputs[place] if place < len(instruction.inputs) else None
                if index is not None and self._can_take(out, self.buffers[index], instruction, position):
                    source = self.find(self.buffers[index].root)
                    self.owner[out.index] = source
                    self.last[source] = max(self.last.pop(out.index), position)
                    self.first.pop(out.index)
                    break

    def _can_take(self, out: Buffer, source: Buffer, instruction: Instruction, position: int) -> bool:
        whole = self.buffers[source.root]
        if whole.storage != ARENA or whole.spec.nbytes != out.spec.nbytes or source.spec != out.spec:
            return False
        if self.last[self.find(source.root)] != position:
            return False
        # Not with another view of the same memory among the inputs: only NumPy detects such overlaps by itself.
        others = [self.buffers[i] for i in instruction.inputs if i is not None]
        same_memory = [b for b in others if self.find(b.root) == self.find(source.root)]
        return all(b.spec == source.spec and b.offset == source.offset for b in same_memory)

    def find(self, root: int) -> int:
        """The buffer that holds the memory of a root."""
        while root in self.owner:
            root = self.owner[root]
        return root


class _Shelf:
    """Placed buffers in order of offset; array operations, since an unrolled sequence has many buffers."""

    def __init__(self, most: int) -> None:
        self._rows = np.empty((4, most), np.int64)  # offset, end, first, last
        self._count = 0
        self.end = 0

    def place(self, size: int, first: int, last: int) -> int:
        """Place `size` bytes at the lowest offset that is free between instructions `first` and `last`; returns it."""
        starts, stops, firsts, lasts = self._rows[:, : self._count]
        meets = (firsts <= last) & (first <= lasts)
        taken_from = starts[meets]
        free_from = np.maximum.accumulate(np.concatenate(([0], stops[meets])))
        fits = np.flatnonzero(free_from[:-1] + size <= taken_from)
        offset = int(free_from[fits[0] if len(fits) else -1])
        at = int(np.searchsorted(starts, offset))
        self._rows[:, at + 1 : self._count + 1] = self._rows[:, at : self._count].copy()
        self._rows[:, at] = offset, offset + size, first, last
        self._count += 1
        self.end = max(self.end, offset + size)
        return offset


def plan(
    buffers: Sequence[Buffer], instructions: Sequence[Instruction], keep: set[int], inputs: set[int]
) -> tuple[list[Buffer], int, int]:
    """Give every arena buffer its offset.

    Args:
        keep: buffers that must be right at the end of the run, inputs among them.
        inputs: buffers that are filled before the run.

    Returns:
        The buffers with their offsets, the arena's bytes, and its bytes without sharing.
    """
    lives = _Lives(buffers, instructions, keep, inputs)
    shelf = _Shelf(len(lives.first))
    offsets: dict[int, int] = {}
    for root in sorted(lives.first, key=lambda r: (-buffers[r].spec.nbytes, r)):
        size = -(-max(buffers[root].spec.nbytes, 1) // ALIGNMENT) * ALIGNMENT
        offsets[root] = shelf.place(size, lives.first[root], lives.last[root])
    arena = shelf.end
    moved = [
        replace(b, offset=b.offset + offsets.get(lives.find(b.root), 0)) if b.storage == ARENA else b for b in buffers
    ]
    used = {buffers[b].root for i in instructions for b in i.outputs if buffers[b].storage == ARENA}
    return moved, arena, sum(buffers[r].spec.nbytes for r in used)
