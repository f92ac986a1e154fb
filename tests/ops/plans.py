"""What the memory plan of a Program is held to, without the planner's own idea of who lives when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loom_py.program import ARENA, Buffer, Instruction, Program


def unshared(program: Program) -> Program:
    """The same Program with memory of its own for every buffer that is no view."""
    offsets: dict[int, int] = {}
    end = 0
    for b in program.buffers:
        if b.root == b.index and b.storage == ARENA:
            offsets[b.index] = end
            end += -(-max(b.spec.nbytes, 1) // 64) * 64

    def moved(b: Buffer) -> Buffer:
        return replace(b, offset=b.offset - program.buffers[b.root].offset + offsets[b.root])

    buffers = tuple(moved(b) if b.storage == ARENA else b for b in program.buffers)
    return replace(program, buffers=buffers, sizes={**program.sizes, ARENA: end})


def check_plan(program: Program) -> None:
    """Follow every byte of the arena: who reads it must find what was computed for him, and no other's."""
    owner = np.full(program.sizes[ARENA], -1)
    for index in program.inputs.values():
        b = program.buffers[index]
        owner[_span(b)] = b.root
    for number, instruction in enumerate(program.instructions):
        where = f"instruction {number} ({instruction.verb.name})"
        for b in _arena(program, instruction.inputs):
            assert (owner[_span(b)] == b.root).all(), f"{where} reads %{b.index} from memory that another has"
        _check_overlaps(program, instruction, where)
        for b in _arena(program, instruction.outputs):
            owner[_span(b)] = b.root
    for name, index in program.outputs.items():
        b = program.buffers[index]
        kept = b.storage != ARENA or (owner[_span(b)] == b.root).all()
        assert kept, f"output {name} is overwritten before the end"


def _check_overlaps(program: Program, instruction: Instruction, where: str) -> None:
    """An output lies in an input's memory only exactly, and only where the verb allows it."""
    for out in _arena(program, instruction.outputs):
        assert out.offset % 4 == 0, f"{where}: an offset of {out.offset} is not aligned"
        for place, index in enumerate(instruction.inputs):
            if index is None or program.buffers[index].storage != ARENA:
                continue
            b = program.buffers[index]
            apart = out.offset + out.spec.nbytes <= b.offset or b.offset + b.spec.nbytes <= out.offset
            exact = out.offset == b.offset and out.spec == b.spec and place in instruction.verb.reuses
            assert apart or exact, f"{where} writes over its input {place} while it reads it"


def _arena(program: Program, indices: tuple[int | None, ...]) -> list[Buffer]:
    return [b for i in indices if i is not None and (b := program.buffers[i]).storage == ARENA]


def _span(b: Buffer) -> slice:
    return slice(b.offset, b.offset + b.spec.nbytes) if b.storage == ARENA else slice(0, 0)
