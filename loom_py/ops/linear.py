"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.activation import FUNCTIONS, ActivationName
from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray


def _product(
    a: Spec,
    b: Spec,
    bias: Spec | None = None,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    activation: ActivationName | None = None,
) -> Spec:
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ShapeError.expected("matmul", expected="two arrays of at least 2 axes", got=f"{a.shape} and {b.shape}")
    rows, inner_a = a.shape[-2:][:: -1 if transpose_a else 1]
    inner_b, cols = b.shape[-2:][:: -1 if transpose_b else 1]
    if inner_a != inner_b:
        raise ShapeError.expected("matmul", expected="equal inner extents", got=f"{inner_a} and {inner_b}")
    if bias is not None and bias.shape != (cols,):
        raise ShapeError.expected("matmul bias", expected=(cols,), got=bias.shape)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return Spec((*batch, rows, cols), a.dtype)


def _flops(ins: Any, outs: Any, attrs: dict[str, Any]) -> int:
    inner = ins[0].shape[-2 if attrs.get("transpose_a") else -1]
    bias = outs[0].size if len(ins) > 2 and ins[2] is not None else 0
    function = attrs.get("activation")
    return int((2 * inner + (FUNCTIONS[function].flops if function else 0)) * outs[0].size + bias)


@verb(_product, flops=_flops)
def matmul(
    out: AnyArray,
    a: AnyArray,
    b: AnyArray,
    bias: AnyArray | None = None,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    activation: ActivationName | None = None,
) -> None:
    """out (…,M,N) = f(a (…,M,K) @ b (…,K,N) + bias (N)); either factor may be read transposed.

    f is an optional `activation`. Layers leave it out; a Program's passes add it.
    """
    np.matmul(a.swapaxes(-1, -2) if transpose_a else a, b.swapaxes(-1, -2) if transpose_b else b, out=out)
    if bias is not None:
        out += bias
    if activation is not None:
        FUNCTIONS[activation].forward(out, out)
