"""Moving words on the GPU: sizes that cross workgroups, every type, many axes, windows and pools bit for bit."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loom_py.ops import VERBS
from loom_py.shapes import AnyArray, Shape
from tests.ops import machines, suite
from tests.ops.case import Call
from tests.ops.guards import guarded

GPU = machines.webgpu()
pytestmark = pytest.mark.skipif(GPU is None, reason="no driver of a GPU")
RNG = np.random.default_rng(3)
SIZES = (1, 255, 256, 257, 1000, 70_000)
ODD = np.array([0x7FC00001, 0xFFC00000, 0x7F800000, 0xFF800000, 0x80000000, 1, 0x807FFFFF], np.uint32)
"""NaNs of either sign, infinities, -0, denormal numbers."""


def words(shape: Shape, dtype: Any = np.float32) -> AnyArray:
    """Any bits at all, odd ones first."""
    x = RNG.integers(0, 2**32, shape, np.uint32).reshape(-1)
    x[: len(ODD)] = ODD[: x.size]
    return x.view(dtype).reshape(shape)


def check(name: str, *arrays: AnyArray, **attrs: Any) -> None:
    """Bit for bit what NumPy gives, and nothing beside it."""
    assert GPU
    outputs = VERBS[name](*arrays, **attrs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for got, wanted in zip(guarded(GPU[1], VERBS[name], list(arrays), **attrs), outputs, strict=True):
        np.testing.assert_array_equal(got.view(np.uint32), wanted.view(np.uint32))


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
@pytest.mark.parametrize("size", SIZES)
def test_runs_of_any_length(size: int, dtype: Any) -> None:
    x = words((size,), dtype)
    check("copy", x)
    check("fill", x, shape=(size,), value=-3)
    check("concat", x, x[:1], x, axis=0)
    check("pad", x, axis=0, before=3, after=300)
    check("slice_axis", x, axis=0, start=size // 3, stop=size)
    check("broadcast_to", x, shape=(3, size))
    check("broadcast_to", x.reshape(size, 1), shape=(size, 3))


@pytest.mark.parametrize("value", [0.0, -0.0, np.inf, np.nan, 1e-40, 0.1])
def test_fill(value: float) -> None:
    check("fill", words((5,)), shape=(300,), value=value)


@pytest.mark.parametrize("shape", [(2, 3), (33, 65), (1, 70), (257, 4), (5, 6, 7), (40, 3, 36), (3, 40, 2, 33)])
def test_transpose_every_way(shape: Shape) -> None:
    for axes in permutations(range(len(shape))):
        check("transpose", words(shape), axes=axes)
        check("transpose", words(shape, np.int32), axes=axes)


def test_many_axes() -> None:
    check("transpose", words((3, 2, 5, 2, 4)), axes=(4, 2, 0, 3, 1))
    check("transpose", words((2, 9, 3, 2, 8)), axes=(3, 4, 0, 2, 1))
    check("broadcast_to", words((2, 1, 3, 1, 5)), shape=(2, 4, 3, 2, 5))
    check("transpose", words((5, 300)).view(np.float64), axes=(1, 0))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_joining_and_parting(axis: int) -> None:
    x = words((9, 20, 31))
    extent = x.shape[axis]
    check("slice_axis", x, axis=axis, start=2, stop=extent - 1)
    check("pad", x, axis=axis, before=0, after=5)
    parts = np.split(x, [1, 4], axis=axis)
    check("concat", *(np.ascontiguousarray(p) for p in parts), axis=axis)
    check("concat", x.view(np.int32), x.view(np.int32), axis=axis)


def test_store_keeps_further_rows() -> None:
    assert GPU
    before, rows = words((9, 40)), words((5, 40))
    result = suite.executed(VERBS["store"], Call((before, rows)), GPU[1])
    np.testing.assert_array_equal(result.inputs[0], np.concatenate([rows, before[5:]]))


GEOMETRY = [
    # images (N,C,…), then size, stride, padding, dilation
    ((2, 3, 20, 17), (3, 3), (1, 1), (1, 1), (1, 1)),
    ((1, 2, 30, 40), (5, 2), (2, 3), (2, 1), (1, 3)),
    ((3, 1, 16, 16), (2, 2), (2, 2), (0, 0), (1, 1)),
    ((2, 2, 9, 9), (2, 3), (4, 5), (1, 0), (1, 1)),  # windows apart
    ((2, 4, 300), (7,), (1,), (3,), (2,)),
    ((5, 70, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
    ((1, 1, 5, 5), (5, 5), (1, 1), (4, 4), (1, 1)),  # windows wholly in the padding, but for a corner
]


@pytest.mark.parametrize(("shape", "size", "stride", "padding", "dilation"), GEOMETRY)
def test_windows_and_back(shape: Shape, size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> None:
    steps = {"stride": stride, "padding": padding, "dilation": dilation}
    check("unfold", words(shape), size=size, **steps)
    columns = RNG.standard_normal(VERBS["unfold"](words(shape), size=size, **steps).shape, np.float32)
    check("fold", columns, shape=shape[2:], **steps)


@pytest.mark.parametrize(("shape", "size", "stride", "padding", "_dilation"), GEOMETRY)
def test_pools(shape: Shape, size: Shape, stride: Shape, padding: Shape, _dilation: Shape) -> None:
    steps = {"size": size, "stride": stride, "padding": padding}
    equals = RNG.integers(-2, 3, shape).astype(np.float32) * np.float32(-1e-40)  # many equal, 0 and -0, denormal
    bits = words(shape)
    for x in (RNG.standard_normal(shape, np.float32), equals, bits, np.where(RNG.random(shape) < 0.5, bits, np.nan)):
        check("max_pool", x.astype(np.float32), **steps)
    y, index = VERBS["max_pool"](RNG.standard_normal(shape, np.float32), **steps)
    dy = RNG.standard_normal(y.shape, np.float32)
    dy.flat[0] = np.inf
    check("max_pool_gradient", dy, index, shape=shape[2:], **steps)


@settings(max_examples=40)
@given(data=st.data())
def test_windows_of_any_geometry(data: st.DataObject) -> None:
    axes = data.draw(st.integers(1, 2))
    several = st.tuples(*[st.integers(1, 4)] * axes)
    size, stride, dilation = data.draw(several), data.draw(several), data.draw(several)
    padding = tuple(data.draw(st.integers(0, 3)) for _ in range(axes))
    extents = tuple(d * (k - 1) + data.draw(st.integers(1, 20)) for k, d in zip(size, dilation, strict=True))
    shape = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)), *extents)
    test_windows_and_back(shape, size, stride, padding, dilation)
    plain = (1,) * axes
    test_pools(shape, size, stride, tuple(min(p, k // 2) for p, k in zip(padding, size, strict=True)), plain)
