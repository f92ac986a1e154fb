"""Which instructions are needed: everything that leads to a kept value or writes lasting memory."""

from __future__ import annotations

from collections.abc import Sequence

from loom_py.program.program import ARENA, Buffer, Instruction, Segment


def prune(
    buffers: Sequence[Buffer], instructions: Sequence[Instruction], segments: Sequence[Segment], keep: set[int]
) -> tuple[list[Instruction], list[Segment]]:
    """Drop instructions whose results nobody reads (such as the first layer's input gradient).

    Args:
        keep: buffers that must be right at the end of the run.

    Returns:
        The instructions that stay, in order, and the segments with their new ranges.
    """
    needed = {buffers[b].root for b in keep}
    stays = [False] * len(instructions)
    for position in range(len(instructions) - 1, -1, -1):
        instruction = instructions[position]
        lasting = any(buffers[b].storage != ARENA for b in instruction.outputs)
        written = any(
            buffers[b].storage != ARENA or buffers[b].root in needed
            for w in instruction.verb.writes
            if (b := instruction.inputs[w]) is not None
        )
        if lasting or written or any(buffers[b].root in needed for b in instruction.outputs):
            stays[position] = True
            needed.update(buffers[b].root for b in instruction.inputs if b is not None)
    before = [0]
    for stay in stays:
        before.append(before[-1] + stay)
    moved = [Segment(s.name, before[s.start], before[s.stop]) for s in segments]
    return [i for i, stay in zip(instructions, stays, strict=True) if stay], moved
