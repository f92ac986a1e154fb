"""Arithmetic, activations."""

from __future__ import annotations

from loom_py.executors.axes import merged, stretched
from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread

OPERATIONS = {"add": 0, "subtract": 1, "multiply": 2, "divide": 3}
"""As kernels/binary.wgsl numbers them."""
FUNCTIONS = (
    "linear", "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu", "silu", "elu", "exp", "inverse_root",
)  # fmt: skip
"""As kernels/function.wgsl numbers them."""


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


def _function(call: Call, name: str, *, kept: int = 0, eps: float = 0.0, gradient: bool = False) -> list[Dispatch]:
    (out,) = call.outputs
    constants = {"which": FUNCTIONS.index(name), "gradient": int(gradient)}
    words = (out.size, out.word, call.word(0), kept, float(eps))
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
    return _function(call, call.attrs["function"], kept=call.word(1), gradient=True)


@lowers("magnitude")
def magnitude(call: Call) -> list[Dispatch]:
    (out,) = call.outputs
    return [dispatch("magnitude", out.size, out.word, call.word(0), groups=spread(out.size))]
