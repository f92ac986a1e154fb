"""Arithmetic, activations."""

from __future__ import annotations

from loom_py.executors.axes import merged, stretched
from loom_py.executors.wasm.pack.call import Call, float_word, operation, packs

ACTIVATIONS = ("linear", "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu", "silu", "elu")
"""As kernels/elementwise.c numbers them."""


def _binary(name: str) -> None:
    @packs(name)
    def pack(call: Call) -> list[int] | None:
        (out,), a, b = call.outputs, call.input(0), call.input(1)
        loops = merged(out.shape, *(stretched(x.shape, x.strides, out.shape) for x in (a, b)))
        if loops is None:
            return None
        extents, (steps_a, steps_b) = loops
        return operation(name, out.address, a.address, b.address, *extents, *steps_a, *steps_b)


for _name in ("add", "subtract", "multiply", "divide"):
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


@packs("blend")
def blend(call: Call) -> list[int] | None:
    target, source, rate = (call.input(place) for place in range(3))
    if source.shape != target.shape or rate.size != 1:
        return None
    return operation("blend", target.address, source.address, rate.address, target.size)
