"""Arithmetic, activations."""

from __future__ import annotations

import numpy as np

from loom_py.executors.strides import merged, stretched
from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.shapes import size_of

OPERATIONS = {"add": 0, "subtract": 1, "multiply": 2, "divide": 3}
"""As kernels/binary.wgsl numbers them."""
FUNCTIONS = (
    "linear", "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu", "silu", "elu", "exp", "inverse_root",
)  # fmt: skip
"""As kernels/functions.wgsl numbers them."""

MOST_INPUTS, MOST_STEPS, SO_FAR, NONE = 7, 8, 15, 255
"""Of a chain, as kernels/chain.wgsl has them."""


def _binary(name: str) -> None:
    @lowers(name)
    def binary(call: Call) -> list[Dispatch] | None:
        (out,), a, b = call.outputs, call.input(0), call.input(1)
        loops = merged(out.shape, *(stretched(x.shape, x.strides, out.shape) for x in (a, b)))
        if loops is None:
            return None
        extents, (steps_a, steps_b) = loops
        constants = {"operation": OPERATIONS[name], "plain": int(a.shape == out.shape == b.shape)}
        words = (out.size, out.word, a.word, b.word, *extents, *steps_a, *steps_b)
        return [dispatch("binary", *words, groups=spread(out.size), constants=constants)]


for _name in OPERATIONS:
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
    """All steps in one dispatch; a view of another shape lies in the same order."""
    (out,), steps = call.outputs, call.attrs["steps"]
    inputs = [call.input(place) for place in range(len(call.inputs))]
    shape = np.broadcast_shapes(*(x.shape for x in inputs))
    loops = merged(shape, *(stretched(x.shape, x.strides, shape) for x in inputs))
    if loops is None or len(inputs) > MOST_INPUTS or len(steps) > MOST_STEPS or size_of(shape) != out.size:
        return None
    extents, strides = loops
    given = [word for x, s in zip(inputs, strides, strict=True) for word in (x.word, *s)]
    given += [0] * (6 * MOST_INPUTS - len(given))
    codes = [
        _kind(s.operation) | (s.left & 15) << 8 | (SO_FAR if s.right is None else s.right & 15) << 12 for s in steps
    ]
    codes += [NONE] * (MOST_STEPS - len(codes))
    constants = {"plain": int(all(x.shape == shape for x in inputs)), **{f"step{n}": c for n, c in enumerate(codes)}}
    words = (out.size, out.word, *extents, *given)
    return [dispatch("chain", *words, groups=spread(out.size), constants=constants)]


def _kind(operation: str) -> int:
    """The number of a step: arithmetic from 0 on, functions from 4, gradients from 32."""
    if operation in OPERATIONS:
        return OPERATIONS[operation]
    name = operation.removesuffix("_gradient")
    return FUNCTIONS.index(name) + (4 if name == operation else 32)
