"""Matrix products: which of the kernels, with what tiles, and whether K is cut so that a GPU has enough to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from loom_py.executors.axes import LOOPS, merged, stretched
from loom_py.executors.webgpu.lower.call import Call, Operand, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread

BUSY = 32768
"""Invocations that keep a large GPU busy: 256 on each of its 132 or so multiprocessors."""
LATENCY = 40.0
"""Nanoseconds that a place of K takes at least, however little there is to do: an eighth of a fetch and a barrier."""
LAUNCH = 4000.0
"""Nanoseconds of one more dispatch that waits for the one before."""
WORD = 0.0015
"""Nanoseconds to write a word and read it again."""
LEAST_SHARE = 32
"""Places of K below which no cutting pays."""
MOST_PARTS = 1 << 24
"""Words of scratch memory that the products of all shares may take."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run a product.

    Attributes:
        kernel: a file of kernels/.
        side: of the square tile that a workgroup makes; it has 2·side invocations, each with side/2 numbers.
        rate: multiplications a nanosecond of one lane when all are busy: what reading the tiles leaves of one.
        shares: into how many parts K is cut; more than one takes scratch memory and a second dispatch.
    """

    kernel: str
    side: int = 0
    rate: float = 0.0
    shares: int = 1


VARIANTS = {
    "large": Variant("matmul", 128, 1.0),
    "medium": Variant("matmul", 64, 0.8),
    "small": Variant("matmul", 32, 0.5),
    "vector": Variant("matmul_vector"),
}
"""What there is to choose from; the tiled ones at any number of shares."""


def choose(m: int, n: int, k: int, batch: int) -> Variant:
    """The variant for products (m,k)·(k,n).

    A single row or column goes to "vector". Else the tile and the number of shares (1, 2, 4 … 64) that `expected` finds
    quickest: the largest tile where there are enough of them, a smaller one where they are few, cut where those are few
    as well and K is long.
    """
    if m == 1 or n == 1:
        return VARIANTS["vector"]
    tiled = [v for v in VARIANTS.values() if v.side]
    cuts = [s for s in (1, 2, 4, 8, 16, 32, 64) if s == 1 or (k >= s * LEAST_SHARE and s * m * n * batch <= MOST_PARTS)]
    return min((replace(v, shares=s) for s in cuts for v in tiled), key=lambda v: expected(v, m, n, k, batch))


def expected(variant: Variant, m: int, n: int, k: int, batch: int) -> float:
    """Nanoseconds of a tiled variant on a large GPU, roughly: good to compare variants, not to be believed."""
    side, shares = variant.side, variant.shares
    invocations = -(-m // side) * -(-n // side) * batch * shares * 2 * side
    own = side / 2 / variant.rate  # numbers of one invocation
    time = -(-k // shares) * max(own * max(invocations / BUSY, 1.0), LATENCY)
    return time if shares == 1 else time + LAUNCH + WORD * shares * m * n * batch


class _Product(NamedTuple):
    """Strides of the factors, and the batch as loops."""

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


@lowers("matmul", knows=("transpose_a", "transpose_b"))
def matmul(call: Call) -> list[Dispatch] | None:
    """Factors by their strides, so that reading them transposed costs nothing."""
    if not call.outputs[0].size:
        return []
    product = _product(call)
    if product is None:
        return None
    variant = choose(product.m, product.n, product.k, product.batch)
    if variant.kernel == "matmul_vector":
        return [_vector(call, product)]
    return _tiled(call, product, variant)


def _product(call: Call) -> _Product | None:
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
        # One b for many a that lie row after row: one product of many rows.
        m, extents = m * count, [1] * LOOPS
    whole = out.size // (m * n)
    return _Product(m, n, k, a_row, a_inner, b_inner, b_column, whole, extents, a_steps, b_steps)


def _strides(factor: Operand, transposed: bool) -> tuple[int, int]:
    rows, columns = factor.shape[-1], 1
    return (columns, rows) if transposed else (rows, columns)


def _tiled(call: Call, product: _Product, variant: Variant) -> list[Dispatch]:
    (out,), bias, side, shares = call.outputs, call.given(2), variant.side, variant.shares
    m, n, k, *strides, batch, extents, a_steps, b_steps = product
    at = out.word if shares == 1 else call.scratch(shares * out.size)
    share = -(-k // (8 * shares)) * 8
    down, across = -(-m // side), -(-n // side)
    tiles = down * across * batch * shares
    words = (
        at, call.word(0), call.word(1), bias.word if bias else 0, m, n, k, *strides,
        down, across, tiles, share, shares, batch, *extents, *a_steps, *b_steps,
    )  # fmt: skip
    constants = {
        "side": side, "tall": int(side > 32), "wide": int(side > 64),
        "along_a": int(product.a_inner == 1), "along_b": int(product.b_inner == 1),
        "biased": int(bias is not None and shares == 1),
    }  # fmt: skip
    found = [dispatch("matmul", *words, groups=spread(tiles, 1), constants=constants)]
    if shares > 1:
        sums = (out.size, out.word, at, shares, bias.word if bias else 0, n)
        constants = {"biased": int(bias is not None)}
        found.append(dispatch("matmul_sum", *sums, groups=spread(out.size), constants=constants))
    return found


def _vector(call: Call, product: _Product) -> Dispatch:
    """One row of a, or one column of b, is the vector; the other factor is the matrix."""
    (out,), bias = call.outputs, call.given(2)
    m, n, k, a_row, a_inner, b_inner, b_column, batch, extents, a_steps, b_steps = product
    a, b = (call.word(0), a_inner, a_steps), (call.word(1), b_inner, b_steps)
    row = m == 1
    (x, x_inner, x_steps), (matrix, inner, steps) = (a, b) if row else (b, a)
    along = inner == 1
    size, step = (n, b_column) if row else (m, a_row)
    blocks = -(-size // (8 if along else 16))
    words = (
        out.word, x, matrix, bias.word if bias else 0, size, k, x_inner, inner, step, int(row), blocks, blocks * batch,
        *extents, *x_steps, *steps,
    )  # fmt: skip
    constants = {"along": int(along), "biased": int(bias is not None)}
    return dispatch("matmul_vector", *words, groups=spread(blocks * batch, 1), constants=constants)
