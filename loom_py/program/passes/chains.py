"""Merging of elementwise instructions into one `chain`, so that values stay in the cache instead of going to memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loom_py.ops.activation import activate
from loom_py.ops.chain import MOST_AXES, MOST_INPUTS, MOST_STEPS, PREVIOUS, Step, chain, operation_of
from loom_py.program.passes.draft import Draft
from loom_py.program.program import Instruction
from loom_py.shapes import Shape


@dataclass(frozen=True, slots=True)
class _Run:
    """Instructions to merge: their places, and the buffers each reads (`None`: the result of the one before)."""

    places: tuple[int, ...]
    reads: tuple[tuple[int | None, ...], ...]
    shape: Shape
    """Shape that all steps compute in; there may be views of another shape between them."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """Buffers read, each once, in the order of use."""
        return tuple(dict.fromkeys(b for read in self.reads for b in read if b is not None))


def chains(draft: Draft) -> Draft:
    """Merge elementwise instructions whose result only the next one reads.

    The chain takes the place of the last; so nothing in between may change what the others read.
    """
    private = draft.private()
    runs: dict[int, _Run] = {}  # by their result
    for place, instruction in enumerate(draft.instructions):
        if _elementwise(draft, instruction):
            (out,) = instruction.outputs
            own = _Run((place,), (instruction.inputs,), draft.buffers[out].spec.shape)
            longer = next(_extended(draft, runs, private, own), None)
            if longer is not None:
                del runs[draft.instructions[longer.places[-2]].outputs[0]]
            runs[out] = longer or own
    edited: list[Instruction | None] = list(draft.instructions)
    for run in runs.values():
        if len(run.places) > 1:
            for place in run.places:
                edited[place] = None
            edited[run.places[-1]] = _merged(draft, run)
    return draft.edited(edited)


def _elementwise(draft: Draft, instruction: Instruction) -> bool:
    if operation_of(instruction.verb, instruction.attrs) is None:
        return False
    specs = [draft.buffers[b].spec for b in (*instruction.inputs, *instruction.outputs) if b is not None]
    return specs[0].dtype.kind == "f" and len({s.dtype for s in specs}) == 1 and None not in instruction.inputs


def _extended(draft: Draft, runs: dict[int, _Run], private: set[int], own: _Run) -> Iterator[_Run]:
    """Runs that an instruction can extend."""
    (place,), (inputs,) = own.places, own.reads
    instruction = draft.instructions[place]
    for b in inputs:
        assert b is not None
        buffer = draft.buffers[b]
        before = runs.get(buffer.root)
        if before is None or buffer.root not in private or not draft.together(before.places[-1], place):
            continue
        # After a reshape or with broadcasting, the next step would not read the same elements.
        reshaped = buffer.spec.shape != draft.buffers[buffer.root].spec.shape
        whole = (
            buffer.spec.size == draft.buffers[buffer.root].spec.size == draft.buffers[instruction.outputs[0]].spec.size
        )
        if not whole or (instruction.verb is not activate and (reshaped or before.shape != own.shape)):
            continue
        read = tuple(None if i == b else i for i in inputs)
        run = _Run((*before.places, place), (*before.reads, read), before.shape)
        if _fits(run) and not _disturbed(draft, run):
            yield run


def _fits(run: _Run) -> bool:
    axes = sum(extent > 1 for extent in run.shape)
    return len(run.places) <= MOST_STEPS and len(run.inputs) <= MOST_INPUTS and axes <= MOST_AXES


def _disturbed(draft: Draft, run: _Run) -> bool:
    """Whether an instruction between the first step and the last writes a buffer that a postponed step reads."""
    own = set(run.places[:-1])
    others = (draft.instructions[p] for p in range(run.places[0], run.places[-1] + 1) if p not in own)
    moved = _Run(run.places[:-1], run.reads[:-1], run.shape).inputs
    return any(draft.touch(w, b) for other in others for w in draft.written(other) for b in moved)


def _merged(draft: Draft, run: _Run) -> Instruction:
    last = draft.instructions[run.places[-1]]
    numbers = {b: n for n, b in enumerate(run.inputs)}
    steps = tuple(
        Step(str(_operation(draft.instructions[p])), *(PREVIOUS if b is None else numbers[b] for b in read))
        for p, read in zip(run.places, run.reads, strict=True)
    )
    shape = draft.buffers[last.outputs[0]].spec.shape
    attrs = {"steps": steps} | ({} if shape == run.shape else {"shape": shape})
    return Instruction(chain, run.inputs, last.outputs, attrs, last.span)


def _operation(instruction: Instruction) -> str | None:
    return operation_of(instruction.verb, instruction.attrs)
