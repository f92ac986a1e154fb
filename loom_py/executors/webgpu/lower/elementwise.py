"""Lowering of arithmetic, activations and chains."""

from __future__ import annotations

import numpy as np

from loom_py.executors.step_codes import ACTIVATIONS, ARITHMETIC_CODES, step_code
from loom_py.executors.strides import merged, stretched
from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.ops.chain import MOST_INPUTS, MOST_STEPS, PREVIOUS
from loom_py.shapes import size_of

FUNCTIONS = (*ACTIVATIONS, "exp", "inverse_root")
"""Functions in the order of their numbers in kernels/functions.wgsl."""
NO_STEP = 255
"""Code behind the last step of a chain."""


def _binary(name: str) -> None:
    @lowers(name)
    def binary(call: Call) -> list[Dispatch] | None:
        (out,), a, b = call.outputs, call.input(0), call.input(1)
        loops = merged(out.shape, *(stretched(x.shape, x.strides, out.shape) for x in (a, b)))
        if loops is None:
            return None
        extents, (steps_a, steps_b) = loops
        constants = {"operation": ARITHMETIC_CODES[name], "plain": int(a.shape == out.shape == b.shape)}
        words = (out.size, out.word, a.word, b.word, *extents, *steps_a, *steps_b)
        return [dispatch("binary", *words, groups=spread(out.size), constants=constants)]


for _name in ARITHMETIC_CODES:
    _binary(_name)


def _function(call: Call, name: str, *, saved: int = 0, eps: float = 0.0, gradient: bool = False) -> list[Dispatch]:
    (out,) = call.outputs
    constants = {"which": FUNCTIONS.index(name), "gradient": int(gradient)}
    words = (out.size, out.word, call.word(0), saved, float(eps))
    return [dispatch("function", *words, groups=spread(out.size), constants=constants)]


@lowers("exp")
def exp(call: Call) -> list[Dispatch]:
    return _function(call, "exp")


@lowers("inverse_root", knows=("eps",))
def inverse_root(call: Call) -> list[Dispatch]:
    return _function(call, "inverse_root", eps=call.attrs["eps"])


@lowers("activate", knows=("function",))
def activate(call: Call) -> list[Dispatch]:
    return _function(call, call.attrs["function"])


@lowers("activate_gradient", knows=("function",))
def activate_gradient(call: Call) -> list[Dispatch]:
    return _function(call, call.attrs["function"], saved=call.word(1), gradient=True)


@lowers("abs")
def abs(call: Call) -> list[Dispatch]:
    (out,) = call.outputs
    return [dispatch("abs", out.size, out.word, call.word(0), groups=spread(out.size))]


@lowers("chain", knows=("steps", "shape"))
def chain(call: Call) -> list[Dispatch] | None:
    """All steps in one dispatch; a reshaped result has the same order in memory."""
    (out,), steps = call.outputs, call.attrs["steps"]
    inputs = [call.input(place) for place in range(len(call.inputs))]
    shape = np.broadcast_shapes(*(x.shape for x in inputs))
    loops = merged(shape, *(stretched(x.shape, x.strides, shape) for x in inputs))
    if loops is None or len(inputs) > MOST_INPUTS or len(steps) > MOST_STEPS or size_of(shape) != out.size:
        return None
    extents, strides = loops
    given = [word for x, s in zip(inputs, strides, strict=True) for word in (x.word, *s)]
    given += [0] * (6 * MOST_INPUTS - len(given))
    codes: list[int] = []
    for step in steps:
        code, right = step_code(step.operation), PREVIOUS if step.right is None else step.right
        if code is None:
            return None
        codes.append(code | (step.left & 15) << 8 | (right & 15) << 12)
    codes += [NO_STEP] * (MOST_STEPS - len(codes))
    constants = {"plain": int(all(x.shape == shape for x in inputs)), **{f"step{n}": c for n, c in enumerate(codes)}}
    words = (out.size, out.word, *extents, *given)
    return [dispatch("chain", *words, groups=spread(out.size), constants=constants)]
