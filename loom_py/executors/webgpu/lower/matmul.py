"""Lowering of matrix products."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from loom_py.executors.strides import LOOPS, merged, stretched
from loom_py.executors.webgpu.lower.call import Call, Operand, lowers
from loom_py.executors.webgpu.lower.elementwise import FUNCTIONS
from loom_py.executors.webgpu.lower.matmul_variants import UNSHARED, UNSHARED_LANES, Product, Variant
from loom_py.executors.webgpu.plan import Dispatch, Kernel, dispatch, spread

NOTHING: Mapping[str, int] = {}
SHORT = ("relu", "leaky_relu")
"""Activations that matmul_large fuses; longer ones would be most of its code, at 64 numbers an invocation."""


class _Strided(NamedTuple):
    """Strides of the factors, and loops over the batch."""

    m: int
    n: int
    k: int
    a_row: int
    a_inner: int
    b_inner: int
    b_column: int
    batch: int
    extents: list[int]
    a_steps: list[int]
    b_steps: list[int]


@lowers("matmul", knows=("transpose_a", "transpose_b", "activation"))
def matmul(call: Call) -> list[Dispatch] | None:
    """Factors are read by strides, so that transposed ones cost nothing."""
    if not call.outputs[0].size:
        return []
    product = _product(call)
    if product is None:
        return None
    shape = Product(
        product.m, product.n, product.k, product.batch, product.a_inner == 1, product.b_inner == 1,
        _in_fours(call, product),
    )  # fmt: skip
    variant = call.choose(shape, lambda v, out: _dispatches(call, product, v, out))
    return _dispatches(call, product, variant, call.outputs[0].word)


def _dispatches(call: Call, product: _Strided, variant: Variant, out_word: int) -> list[Dispatch]:
    (out,), bias = call.outputs, call.given(2)
    function = FUNCTIONS.index(call.attrs.get("activation") or "linear")
    if variant.shares == 1 and function and variant.kernel == "matmul_large" and FUNCTIONS[function] not in SHORT:
        constants = {"which": function, "gradient": 0}
        after = dispatch("function", out.size, out_word, out_word, 0, 0.0, groups=spread(out.size), constants=constants)
        return [_kernel(call, product, variant, out_word, bias), after]
    finish = {"activation": function} if function else {}
    if variant.shares == 1:
        return [_kernel(call, product, variant, out_word, bias, finish)]
    parts = call.scratch(variant.shares * out.size)
    words = (out.size, out_word, parts, variant.shares, bias.word if bias else 0, out.shape[-1])
    constants = {"biased": int(bias is not None), **finish}
    added = dispatch("matmul_sum", *words, groups=spread(out.size), constants=constants)
    return [_kernel(call, product, variant, parts, None), added]


def _product(call: Call) -> _Strided | None:
    (out,), a, b = call.outputs, call.input(0), call.input(1)
    *batch, m, n = out.shape
    a_row, a_inner = _strides(a, bool(call.attrs.get("transpose_a")))
    b_inner, b_column = _strides(b, bool(call.attrs.get("transpose_b")))
    k = a.shape[-2] if call.attrs.get("transpose_a") else a.shape[-1]
    steps = (stretched(x.shape[:-2], x.strides[:-2], tuple(batch)) for x in (a, b))
    loops = merged(tuple(batch), *steps)
    if loops is None:
        return None
    extents, (a_steps, b_steps) = loops
    *outer, count = extents
    if m == 1:
        a_row = a_steps[-1]
    if b_steps == [0] * LOOPS and outer == [1] * (LOOPS - 1) and a_steps[-1] == m * a_row:
        # One b for several contiguous a: one product of many rows.
        m, extents = m * count, [1] * LOOPS
    whole = out.size // (m * n)
    return _Strided(m, n, k, a_row, a_inner, b_inner, b_column, whole, extents, a_steps, b_steps)


def _in_fours(call: Call, product: _Strided) -> bool:
    """Whether offsets, strides and extents are divisible by four where kernels/matmul_blocks.wgsl requires it."""
    (out,), bias = call.outputs, call.given(2)
    along_a, along_b = product.a_inner == 1, product.b_inner == 1
    places = (out.word, call.word(0), call.word(1), bias.word if bias else 0, *product.a_steps, *product.b_steps)
    steps = (product.a_row if along_a else product.a_inner, product.b_column if along_b else product.b_inner)
    extents = (product.k, product.n, 0 if along_a else product.m)
    return not any(n % 4 for n in (*places, *steps, *extents))


def _strides(factor: Operand, transposed: bool) -> tuple[int, int]:
    rows, columns = factor.shape[-1], 1
    return (columns, rows) if transposed else (rows, columns)


def _kernel(
    call: Call, product: _Strided, variant: Variant, out: int, bias: Operand | None, finish: Mapping[str, int] = NOTHING
) -> Dispatch:
    """Dispatches of the products, or of each share of K in turn; `finish` are constants of the epilogue."""
    lowering = _vector if variant.kernel == "matmul_vector" else _tiled
    made = lowering(call, product, variant, out, bias)
    return replace(
        made, kernel=Kernel(made.kernel.name, tuple(sorted({**dict(made.kernel.constants), **finish}.items())))
    )


def _tiled(call: Call, product: _Strided, variant: Variant, out: int, bias: Operand | None) -> Dispatch:
    m, n, k, *strides, batch, extents, a_steps, b_steps = product
    shares = variant.shares
    wide, high, broad = _tile(variant, n)
    down, across = -(-m // high), -(-n // broad)
    tiles = down * across * batch * shares
    share = -(-k // (8 * shares)) * 8  # the kernels load tiles in stages of eight
    words = (
        out, call.word(0), call.word(1), bias.word if bias else 0, m, n, k, *strides,
        down, across, tiles, share, batch, *extents, *a_steps, *b_steps, wide,
    )  # fmt: skip
    along = {"along_a": int(product.a_inner == 1), "along_b": int(product.b_inner == 1)}
    constants = {**along, "biased": int(bias is not None), **variant.constants}
    return dispatch(variant.kernel, *words, groups=spread(tiles, 1), constants=constants)


def _tile(variant: Variant, columns: int) -> tuple[int, int, int]:
    """Invocations across a tile, its rows and its columns; narrow products use narrow tiles where possible."""
    if variant.kernel not in UNSHARED:
        return 0, variant.side, variant.side
    edge = math.isqrt(variant.own)
    wide = min(variant.side // edge, -(-columns // edge))
    return wide, UNSHARED_LANES // wide * edge, wide * edge


def _vector(call: Call, product: _Strided, variant: Variant, out: int, bias: Operand | None) -> Dispatch:
    """Dispatches of a product with one row of a, or one column of b, as a matrix times a vector."""
    m, n, k, a_row, a_inner, b_inner, b_column, batch, extents, a_steps, b_steps = product
    a, b, row = (call.word(0), a_inner, a_steps), (call.word(1), b_inner, b_steps), m == 1
    (x, x_inner, x_steps), (matrix, inner, steps) = (a, b) if row else (b, a)
    size, step = (n, b_column) if row else (m, a_row)
    share = -(-k // variant.shares)
    lanes = _lanes(size, share, along=inner == 1)
    blocks = -(-size * lanes // 256)
    groups = blocks * batch * variant.shares
    words = (
        out, x, matrix, bias.word if bias else 0, size, k, x_inner, inner, step, int(row), blocks, groups,
        share, batch, *extents, *x_steps, *steps,
    )  # fmt: skip
    constants = {"along": int(inner == 1), "lanes": lanes, "biased": int(bias is not None)}
    return dispatch("matmul_vector", *words, groups=spread(groups, 1), constants=constants)


def _lanes(size: int, inner: int, *, along: bool) -> int:
    """How many of a workgroup's 256 invocations share a result: more where results are few."""
    wanted = min(max(256 // size, 32 if along else 16), max(inner, 1))
    return 1 << (wanted.bit_length() - 1)
