"""Elementwise arithmetic with broadcasting, and reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.verb import Spec, broadcast, normal_axes, reduced, same, verb
from loom_py.shapes import AnyArray, Shape


@verb(broadcast, reuses=(0, 1))
def add(out: AnyArray, a: AnyArray, b: AnyArray) -> None:
    """a + b."""
    np.add(a, b, out=out)


@verb(broadcast, reuses=(0, 1))
def subtract(out: AnyArray, a: AnyArray, b: AnyArray) -> None:
    """a - b."""
    np.subtract(a, b, out=out)


@verb(broadcast, reuses=(0, 1))
def multiply(out: AnyArray, a: AnyArray, b: AnyArray) -> None:
    """a · b."""
    np.multiply(a, b, out=out)


@verb(broadcast, reuses=(0, 1))
def divide(out: AnyArray, a: AnyArray, b: AnyArray) -> None:
    """a / b."""
    np.divide(a, b, out=out)


@verb(same, reuses=(0,))
def exp(out: AnyArray, x: AnyArray) -> None:
    """e to the x."""
    np.exp(x, out=out)


@verb(same, reuses=(0,))
def copy(out: AnyArray, x: AnyArray) -> None:
    """A copy of x."""
    np.copyto(out, x)


def _read(ins: Any, _outs: Any, _attrs: Any) -> int:
    """One operation per element read."""
    return int(ins[0].size)


@verb(reduced, flops=_read)
def sum(out: AnyArray, x: AnyArray, *, axes: int | tuple[int, ...], keepdims: bool = False) -> None:
    """Sum over axes."""
    np.sum(x, axis=normal_axes(axes, x.ndim), keepdims=keepdims, out=out)


@verb(reduced, flops=_read)
def mean(out: AnyArray, x: AnyArray, *, axes: int | tuple[int, ...], keepdims: bool = False) -> None:
    """Mean over axes."""
    np.mean(x, axis=normal_axes(axes, x.ndim), keepdims=keepdims, out=out)


@verb(lambda dst, src, rate: (), writes=(0,), flops=lambda i, o, a: 3 * i[0].size)
def lerp(dst: AnyArray, src: AnyArray, rate: AnyArray) -> None:
    """dst ← dst + rate · (src - dst), in place: a moving average. Where src is not finite, dst stays."""
    dst += rate * np.where(np.isfinite(src), src - dst, 0)


def _kept(dst: Spec, src: Spec) -> tuple[Spec, ...]:
    if src.shape[1:] != dst.shape[1:] or src.shape[0] > dst.shape[0]:
        raise ShapeError.expected("store", expected=f"at most {dst.shape[0]} rows of {dst.shape[1:]}", got=src.shape)
    return ()


@verb(_kept, writes=(0,), flops=0)
def store(dst: AnyArray, src: AnyArray) -> None:
    """dst[:B] ← src (B,…), in place: a state for the next run; further rows stay."""
    dst[: len(src)] = src


@verb(lambda x, *, shape, value=0.0: Spec(tuple(shape), x.dtype), flops=0)
def fill(out: AnyArray, x: AnyArray, *, shape: Shape, value: float = 0.0) -> None:
    """The same number everywhere, in x's precision."""
    out[...] = value


_BLOCK = 4096


def sum_of_squares(x: AnyArray) -> float:
    """Σx² in one pass without temporaries: blocks in x's precision, their sums in float64."""
    flat = x.reshape(-1)
    whole = flat.size - flat.size % _BLOCK
    blocks = flat[:whole].reshape(-1, _BLOCK)
    rest = flat[whole:]
    return float(np.einsum("ij,ij->i", blocks, blocks).sum(dtype=np.float64)) + float(np.einsum("i,i->", rest, rest))


def scalar_spec(dtype: Any = np.float32) -> Spec:
    """Spec of one number."""
    return Spec((), np.dtype(dtype))
