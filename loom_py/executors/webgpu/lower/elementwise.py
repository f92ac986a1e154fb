"""Arithmetic, activations."""

from __future__ import annotations

from loom_py.executors.axes import merged, stretched
from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread

OPERATIONS = {"add": 0, "subtract": 1, "multiply": 2, "divide": 3}
"""As kernels/binary.wgsl numbers them."""


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
