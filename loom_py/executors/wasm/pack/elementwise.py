"""Packing of arithmetic, activations and chains."""

from __future__ import annotations

import numpy as np

from loom_py.executors.step_codes import ACTIVATIONS, ARITHMETIC_CODES, step_code
from loom_py.executors.strides import merged, stretched
from loom_py.executors.wasm.pack.call import Call, float_word, operation, packs
from loom_py.ops.chain import MOST_INPUTS
from loom_py.shapes import size_of


def _binary(name: str) -> None:
    @packs(name)
    def pack(call: Call) -> list[int] | None:
        (out,), a, b = call.outputs, call.input(0), call.input(1)
        loops = merged(out.shape, *(stretched(x.shape, x.strides, out.shape) for x in (a, b)))
        if loops is None:
            return None
        extents, (steps_a, steps_b) = loops
        return operation(name, out.address, a.address, b.address, *extents, *steps_a, *steps_b)


for _name in ARITHMETIC_CODES:
    _binary(_name)


@packs("exp")
def exp(call: Call) -> list[int]:
    return operation("exp", call.outputs[0].address, call.address(0), call.outputs[0].size)


@packs("inverse_root", knows=("eps",))
def inverse_root(call: Call) -> list[int]:
    (out,) = call.outputs
    return operation("inverse_root", out.address, call.address(0), float_word(call.attrs["eps"]), out.size)


@packs("activate", knows=("function",))
def activate(call: Call) -> list[int] | None:
    (out,), function = call.outputs, call.attrs["function"]
    if function not in ACTIVATIONS:
        return None
    return operation("activate", out.address, call.address(0), out.size, ACTIVATIONS.index(function))


@packs("activate_gradient", knows=("function",))
def activate_gradient(call: Call) -> list[int] | None:
    (out,), function = call.outputs, call.attrs["function"]
    if function not in ACTIVATIONS:
        return None
    return operation(
        "activate_gradient", out.address, call.address(0), call.address(1), out.size, ACTIVATIONS.index(function)
    )


@packs("lerp")
def lerp(call: Call) -> list[int] | None:
    target, source, rate = (call.input(place) for place in range(3))
    if source.shape != target.shape or rate.size != 1:
        return None
    return operation("lerp", target.address, source.address, rate.address, target.size)


@packs("chain", knows=("steps", "shape"))
def chain(call: Call) -> list[int] | None:
    """Words for kernels/chain.c; a reshaped result has the same order in memory."""
    (out,), steps = call.outputs, call.attrs["steps"]
    inputs = [call.input(place) for place in range(len(call.inputs))]
    shape = np.broadcast_shapes(*(x.shape for x in inputs))
    loops = merged(shape, *(stretched(x.shape, x.strides, shape) for x in inputs))
    if loops is None or len(inputs) > MOST_INPUTS or size_of(shape) != out.size:
        return None
    words: list[int] = []
    for step in steps:
        code, operands = step_code(step.operation), [o for o in (step.left, step.right) if o is not None]
        repeats = any(o >= 0 and inputs[o].size != out.size for o in operands)
        if code is None or (repeats and step.operation not in ARITHMETIC_CODES):
            return None
        words += (code, operands[0], operands[-1])
    extents, strides = loops
    given = [word for x, s in zip(inputs, strides, strict=True) for word in (x.address, *s)]
    return operation("chain", out.address, call.scratch, len(steps), len(inputs), *extents, *given, *words)
