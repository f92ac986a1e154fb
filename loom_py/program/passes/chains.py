"""Runs of elementwise instructions become one `chain`: values go through the processor's cache, not through memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loom_py.ops.activation import activate, activate_gradient
from loom_py.ops.arithmetic import add, divide, multiply, subtract
from loom_py.ops.chain import GRADIENT, SO_FAR, Step, chain
from loom_py.program.passes.draft import Draft
from loom_py.program.program import Instruction
from loom_py.shapes import Shape

ARITHMETIC = (add, subtract, multiply, divide)
MOST_STEPS, MOST_INPUTS, MOST_AXES = 8, 7, 5
"""What every executor's kernel for `chain` takes."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Instructions that are to be one: where they stand, what each reads (`None`: what the one before left)."""

    places: tuple[int, ...]
    reads: tuple[tuple[int | None, ...], ...]
    shape: Shape
    """Of what all steps reckon; views of another shape may lie between them."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """Buffers, each once, in the order of use."""
        return tuple(dict.fromkeys(b for read in self.reads for b in read if b is not None))


def chains(draft: Draft) -> Draft:
    """Merge elementwise instructions of which each result is read once, by the next, and by nobody else.

    The one that stays is the last; so nothing in between may change what the others read.
    """
    private = draft.private()
    runs: dict[int, _Run] = {}  # by what they leave
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
    if instruction.verb not in (*ARITHMETIC, activate, activate_gradient):
        return False
    specs = [draft.buffers[b].spec for b in (*instruction.inputs, *instruction.outputs) if b is not None]
    return specs[0].dtype.kind == "f" and len({s.dtype for s in specs}) == 1 and None not in instruction.inputs


def _extended(draft: Draft, runs: dict[int, _Run], private: set[int], own: _Run) -> Iterator[_Run]:
    """The runs that an instruction can be the next step of."""
    (place,), (inputs,) = own.places, own.reads
    instruction = draft.instructions[place]
    for b in inputs:
        assert b is not None
        buffer = draft.buffers[b]
        before = runs.get(buffer.root)
        if before is None or buffer.root not in private or not draft.together(before.places[-1], place):
            continue
        # Seen in another shape, or one that grows here, it would not be the same element that the next step meets.
        seen_otherwise = buffer.spec.shape != draft.buffers[buffer.root].spec.shape
        whole = (
            buffer.spec.size == draft.buffers[buffer.root].spec.size == draft.buffers[instruction.outputs[0]].spec.size
        )
        if not whole or (instruction.verb is not activate and (seen_otherwise or before.shape != own.shape)):
            continue
        read = tuple(None if i == b else i for i in inputs)
        run = _Run((*before.places, place), (*before.reads, read), before.shape)
        if _fits(run) and not _disturbed(draft, run):
            yield run


def _fits(run: _Run) -> bool:
    axes = sum(extent > 1 for extent in run.shape)
    return len(run.places) <= MOST_STEPS and len(run.inputs) <= MOST_INPUTS and axes <= MOST_AXES


def _disturbed(draft: Draft, run: _Run) -> bool:
    """Whether an instruction from the first step on writes what a step reads that is to run later than it did."""
    own = set(run.places[:-1])
    others = (draft.instructions[p] for p in range(run.places[0], run.places[-1] + 1) if p not in own)
    moved = _Run(run.places[:-1], run.reads[:-1], run.shape).inputs
    return any(draft.touch(w, b) for other in others for w in draft.written(other) for b in moved)


def _merged(draft: Draft, run: _Run) -> Instruction:
    last = draft.instructions[run.places[-1]]
    numbers = {b: n for n, b in enumerate(run.inputs)}
    steps = tuple(
        Step(_operation(draft.instructions[p]), *(SO_FAR if b is None else numbers[b] for b in read))
        for p, read in zip(run.places, run.reads, strict=True)
    )
    shape = draft.buffers[last.outputs[0]].spec.shape
    attrs = {"steps": steps} | ({} if shape == run.shape else {"shape": shape})
    return Instruction(chain, run.inputs, last.outputs, attrs, last.span)


def _operation(instruction: Instruction) -> str:
    if instruction.verb in ARITHMETIC:
        return instruction.verb.name
    return str(instruction.attrs["function"]) + (GRADIENT if instruction.verb is activate_gradient else "")
