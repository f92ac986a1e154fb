"""Matrix products on the GPU: every variant at the edges of its tiles, and which variant is chosen when."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loom_py import ops
from loom_py.executors.webgpu.lower import call
from loom_py.executors.webgpu.lower.matmul_variants import (
    BUSY,
    LEAST_SHARE,
    MOST_PARTS,
    VARIANTS,
    Product,
    Variant,
    choose,
)
from loom_py.ops import ActivationName
from loom_py.shapes import AnyArray, Shape
from tests.ops import machines, suite
from tests.ops.guards import guarded

GPU = machines.webgpu()
on_gpu = pytest.mark.skipif(GPU is None, reason="no driver of a GPU")


def force(monkeypatch: pytest.MonkeyPatch, variant: Variant) -> None:
    """Have every product run by one variant, whatever the device; "blocks" by "direct" where it can't."""

    def chosen(product: Product) -> Variant:
        possible = product.fours or variant.kernel != VARIANTS["blocks"].kernel
        return variant if possible else replace(VARIANTS["direct"], shares=variant.shares)

    for rule in ("choose", "plainest"):
        monkeypatch.setattr(call, rule, chosen)


TILED = [replace(v, shares=s) for v in VARIANTS.values() if v.side for s in (1, 3)]
BLOCKS = [replace(VARIANTS["blocks"], shares=s) for s in (1, 3)]
VECTORS = [replace(VARIANTS["vector"], shares=s) for s in (1, 3)]
CASES = [(a, b) for a in (False, True) for b in (False, True)]


def values(shape: Shape, seed: int = 1) -> AnyArray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), np.float32)


def product(a: AnyArray, b: AnyArray, bias: AnyArray | None = None, **attrs: Any) -> AnyArray:
    assert GPU
    return guarded(GPU[1], ops.matmul, [a, b, bias], **attrs)[0]


def check(m: int, n: int, k: int, *, turned: tuple[bool, bool] = (False, False), biased: bool = False) -> None:
    a = values((k, m) if turned[0] else (m, k), 1)
    b = values((n, k) if turned[1] else (k, n), 2)
    bias = values((n,), 3) if biased else None
    attrs = {"transpose_a": turned[0], "transpose_b": turned[1]}
    wanted = (a.T if turned[0] else a) @ (b.T if turned[1] else b) + (0 if bias is None else bias)
    assert suite.distance(product(a, b, bias, **attrs), wanted) <= 2e-6 * max(k, 10) ** 0.5


@on_gpu
@pytest.mark.parametrize("turned", CASES)
@pytest.mark.parametrize("variant", TILED, ids=lambda v: f"{v.kernel}/{v.side}/{v.shares}")
@pytest.mark.parametrize("shape", [(128, 128, 16), (129, 131, 17), (31, 33, 40), (255, 3, 9), (2, 260, 8), (5, 7, 1)])
def test_every_tile_at_its_edges(
    monkeypatch: pytest.MonkeyPatch, shape: Shape, variant: Variant, turned: tuple[bool, bool]
) -> None:
    force(monkeypatch, variant)
    check(*shape, turned=turned, biased=shape[0] % 2 == 1)


@on_gpu
@pytest.mark.parametrize("turned", CASES)
@pytest.mark.parametrize("variant", BLOCKS, ids=lambda v: f"{v.shares}")
@pytest.mark.parametrize("shape", [(4, 4, 4), (5, 12, 100), (64, 64, 64), (67, 68, 36), (260, 16, 8), (12, 260, 20)])
def test_blocks_of_four_at_their_edges(
    monkeypatch: pytest.MonkeyPatch, shape: Shape, variant: Variant, turned: tuple[bool, bool]
) -> None:
    force(monkeypatch, variant)
    check(*shape, turned=turned, biased=shape[0] % 3 == 1)


@on_gpu
@pytest.mark.parametrize(
    ("a", "b"), [((3, 20, 8), (8, 40)), ((2, 3, 20, 8), (3, 8, 40)), ((2, 1, 20, 16), (1, 3, 16, 12))]
)
def test_blocks_of_batches(monkeypatch: pytest.MonkeyPatch, a: Shape, b: Shape) -> None:
    for variant in BLOCKS:
        force(monkeypatch, variant)
        test_batches(a, b)


@on_gpu
@pytest.mark.parametrize("turned", CASES)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 257, 31), (257, 1, 33), (1, 16, 1000), (1, 1, 4099), (3, 1, 9000), (70_000, 1, 3)]
)
def test_single_rows_and_columns(shape: Shape, turned: tuple[bool, bool]) -> None:
    for biased in (False, True):
        check(*shape, turned=turned, biased=biased)


@on_gpu
@settings(max_examples=30)
@given(data=st.data())
def test_whatever_is_chosen(data: st.DataObject) -> None:
    m, n, k = (data.draw(st.sampled_from((1, 2, 7, 31, 32, 33, 63, 65, 100, 127, 130))) for _ in range(3))
    check(m, n, k, turned=data.draw(st.sampled_from(CASES)), biased=data.draw(st.booleans()))


@on_gpu
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 20, 9), (9, 40)),  # one b: many rows
        ((3, 1, 9), (9, 40)),
        ((20, 9), (3, 9, 40)),
        ((2, 3, 20, 9), (3, 9, 40)),
        ((2, 1, 20, 9), (1, 3, 9, 40)),
        ((2, 1, 3, 1, 2, 5, 4), (1, 3, 1, 2, 1, 4, 6)),
        ((2, 3, 1, 9), (3, 9, 40)),
        ((2, 3, 20, 9), (3, 9, 1)),
    ],
)
def test_batches(a: Shape, b: Shape) -> None:
    x, y = values(a, 1), values(b, 2)
    for turned in CASES:
        factors = [np.ascontiguousarray(z.swapaxes(-1, -2)) if t else z for z, t in zip((x, y), turned, strict=True)]
        got = product(*factors, transpose_a=turned[0], transpose_b=turned[1])
        assert suite.distance(got, np.matmul(x, y)) <= 1e-5


@on_gpu
def test_batches_cut_into_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch, replace(VARIANTS["small"], shares=4))
    x, y, bias = values((3, 2, 35, 70), 1), values((2, 70, 20), 2), values((20,), 3)
    assert suite.distance(product(x, y, bias), np.matmul(x, y) + bias) <= 1e-5


@on_gpu
@pytest.mark.parametrize(
    ("variant", "activation"),
    list(zip([*TILED, *VECTORS], cycle(("relu", "tanh", "tanh", "relu")), strict=False)),
    ids=lambda v: v if isinstance(v, str) else f"{v.kernel}/{v.side}/{v.shares}",
)
def test_activations_come_last(monkeypatch: pytest.MonkeyPatch, variant: Variant, activation: ActivationName) -> None:
    """After all shares and the bias, and as they are by themselves: of NaN too."""
    force(monkeypatch, variant)
    rows = 37 if variant.side else 1
    inner, columns = (20, 48) if variant.kernel == "matmul_blocks" else (21, 45)
    a, b, bias = values((rows, inner), 1), values((inner, columns), 2), values((columns,), 3)
    b[19, 44], bias[3], bias[4], bias[5] = np.nan, np.inf, -np.inf, -100
    for c in (bias, None):
        wanted = ops.activate(ops.matmul(a, b, c), function=activation)
        got = product(a, b, c, activation=activation)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
        assert suite.distance(got, wanted) <= 1e-5


@on_gpu
@pytest.mark.parametrize("variant", TILED, ids=lambda v: f"{v.kernel}/{v.side}/{v.shares}")
def test_what_is_not_finite_stays_in_its_row_and_column(monkeypatch: pytest.MonkeyPatch, variant: Variant) -> None:
    """The last rows are multiplied again to fill a tile; nothing of that may show."""
    force(monkeypatch, variant)
    inner, columns = (20, 48) if variant.kernel == "matmul_blocks" else (21, 45)
    a, b = values((37, inner), 1), values((inner, columns), 2)
    a[36, 19], a[3, 0], b[19, 44] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        wanted = a @ b
    np.testing.assert_array_equal(np.isnan(product(a, b)), np.isnan(wanted))
    assert suite.distance(product(a, b), wanted) <= 1e-5


@on_gpu
def test_an_empty_inner_extent_gives_the_bias() -> None:
    bias = values((5,))
    for m in (1, 4):
        got = product(np.zeros((m, 0), np.float32), np.zeros((0, 5), np.float32), bias)
        np.testing.assert_array_equal(got, np.broadcast_to(bias, (m, 5)))


@on_gpu
def test_the_same_numbers_every_time() -> None:
    a, b = values((64, 900), 1), values((900, 40), 2)
    assert choose(Product(64, 40, 900, 1)).shares > 1
    first = product(a, b)
    for _ in range(3):
        np.testing.assert_array_equal(product(a, b), first)


def test_large_products_take_large_tiles_uncut() -> None:
    for extent in (4096, 4095, 4097, 8192):
        assert choose(Product(extent, extent, extent, 1)) == VARIANTS["large"]


def test_single_rows_are_vectors() -> None:
    assert choose(Product(1, 1000, 1000, 1)) == choose(Product(1000, 1, 1000, 7)) == VARIANTS["vector"]
    assert choose(Product(1, 1, 1 << 20, 1)) == replace(VARIANTS["vector"], shares=64)


@settings(max_examples=200)
@given(m=st.integers(2, 5000), n=st.integers(2, 5000), k=st.integers(1, 200_000), batch=st.integers(1, 100))
def test_cutting_tiles_fills_the_device_and_stops_there(m: int, n: int, k: int, batch: int) -> None:
    chosen = choose(Product(m, n, k, batch))
    invocations = -(-m // chosen.side) * -(-n // chosen.side) * batch * chosen.shares * chosen.side**2 // chosen.own
    assert chosen.shares == 1 or invocations <= 4 * BUSY
    assert chosen.shares == 1 or k // chosen.shares >= LEAST_SHARE
    assert chosen.shares * m * n * batch <= max(MOST_PARTS, m * n * batch)


def test_few_tiles_of_a_long_sum_are_cut() -> None:
    assert choose(Product(64, 576, 100_000, 1)).shares >= 16  # the gradient of a convolution's weights
    assert choose(Product(4096, 4096, 64, 1)).shares == 1
