"""Drafts of Programs, the input and output of passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from loom_py.program.program import ARENA, Buffer, Instruction, Segment


@dataclass(frozen=True, slots=True)
class Draft:
    """A Program before its memory is planned: lifetimes follow from the order of instructions alone.

    Attributes:
        keep: buffers that must be right at the end of the run.
    """

    buffers: Sequence[Buffer]
    instructions: Sequence[Instruction]
    segments: Sequence[Segment]
    keep: frozenset[int]

    def edited(self, instructions: Sequence[Instruction | None]) -> Draft:
        """A copy with other instructions, None for removed ones; segments are adjusted."""
        before = [0]
        for instruction in instructions:
            before.append(before[-1] + (instruction is not None))
        segments = [Segment(s.name, before[s.start], before[s.stop]) for s in self.segments]
        return replace(self, instructions=[i for i in instructions if i is not None], segments=segments)

    def private(self) -> set[int]:
        """Buffers with a single reader: own memory, read once, not kept."""
        reads = Counter(self.buffers[b].root for i in self.instructions for b in i.inputs if b is not None)
        kept = {self.buffers[b].root for b in self.keep}
        made = {b for i in self.instructions for b in i.outputs}
        return {
            b for b in made if reads[b] == 1 and b not in kept and self.buffers[b].storage == ARENA
            and self.buffers[b].root == b
        }  # fmt: skip

    def together(self, first: int, second: int) -> bool:
        """Whether two instructions belong to the same span and the same segments."""
        inside = all((s.start <= first < s.stop) == (s.start <= second < s.stop) for s in self.segments)
        return inside and self.instructions[first].span == self.instructions[second].span

    def written(self, instruction: Instruction) -> list[int]:
        """Buffers that an instruction changes."""
        changed = (instruction.inputs[w] for w in instruction.verb.writes)
        return [*instruction.outputs, *(b for b in changed if b is not None)]

    def touch(self, one: int, other: int) -> bool:
        """Whether two buffers share memory."""
        a, b = self.buffers[one], self.buffers[other]
        if a.storage != b.storage:
            return False
        if a.storage == ARENA:  # offsets in the arena are not planned yet
            return a.root == b.root
        return a.offset < b.offset + b.spec.nbytes and b.offset < a.offset + a.spec.nbytes


Pass = Callable[[Draft], Draft]
