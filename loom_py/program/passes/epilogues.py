"""Fusion of activations into the matrix products before them."""

from __future__ import annotations

from dataclasses import replace

from loom_py.ops.activation import activate
from loom_py.ops.linear import matmul
from loom_py.program.passes.draft import Draft
from loom_py.program.program import Buffer, Instruction


def epilogues(draft: Draft) -> Draft:
    """Set the attribute `activation` of products that only an `activate` reads.

    A gradient that needs the function's input (gelu, silu) reads the product too, so those fuse in inference only. The
    fused product takes the place of `activate`; nothing in between may change the factors.
    """
    private, makers = draft.private(), dict[int, int]()
    buffers: list[Buffer] = list(draft.buffers)
    edited: list[Instruction | None] = list(draft.instructions)
    for place, instruction in enumerate(draft.instructions):
        if instruction.verb is matmul and "activation" not in instruction.attrs:
            makers[instruction.outputs[0]] = place
        if instruction.verb is not activate or (seen := instruction.inputs[0]) is None:
            continue
        product = draft.buffers[seen].root
        if product not in makers or product not in private or not _mergeable(draft, makers[product], place, seen):
            continue
        before, (out,) = draft.instructions[makers[product]], instruction.outputs
        if draft.buffers[out].spec != draft.buffers[product].spec:  # a view in the product's shape
            buffers.append(replace(draft.buffers[out], index=len(buffers), spec=draft.buffers[product].spec))
            out = buffers[-1].index
        attrs = {**before.attrs, "activation": instruction.attrs["function"]}
        edited[makers[product]] = None
        edited[place] = Instruction(matmul, before.inputs, (out,), attrs, before.span)
    return replace(draft, buffers=buffers).edited(edited)


def _mergeable(draft: Draft, first: int, last: int, seen: int) -> bool:
    """Whether `activate` reads the whole product, in the same span, and the factors are unchanged until then."""
    buffer = draft.buffers[seen]
    whole = buffer.spec.nbytes == draft.buffers[buffer.root].spec.nbytes
    factors = [b for b in draft.instructions[first].inputs if b is not None]
    written = [b for i in draft.instructions[first + 1 : last + 1] for b in draft.written(i)]
    return whole and draft.together(first, last) and not any(draft.touch(w, f) for w in written for f in factors)
