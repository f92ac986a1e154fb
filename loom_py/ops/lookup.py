"""Rows of a table by integer ids, and rotation by positions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray


def _picked(table: Spec, ids: Spec) -> Spec:
    if ids.dtype.kind not in "iu":
        raise ShapeError.expected("gather", expected="integer ids", got=ids.dtype)
    return Spec((*ids.shape, *table.shape[1:]), table.dtype)


@verb(_picked, flops=0)
def gather(out: AnyArray, table: AnyArray, ids: AnyArray) -> None:
    """out[…] = table[ids[…]]: rows of a table (V,C) by ids in 0 … V-1."""
    np.take(table, ids, axis=0, out=out, mode="clip")  # "raise" would copy `out`; ids are checked on input


def _scattered(dy: Spec, ids: Spec, *, count: int) -> Spec:
    return Spec((count, *dy.shape[len(ids.shape) :]), dy.dtype)


@verb(_scattered, flops=lambda i, o, a: i[0].size)
def scatter_add(out: AnyArray, dy: AnyArray, ids: AnyArray, *, count: int) -> None:
    """out[v] = Σ of the rows of dy whose id is v, over `count` ids: the gradient of `gather`.

    Rows of one id are added in order, so that the sum is the same on every run.
    """
    out[...] = 0
    flat = ids.reshape(-1)
    order = np.argsort(flat, kind="stable")
    sorted_ids = flat[order]
    starts = np.flatnonzero(np.r_[True, sorted_ids[1:] != sorted_ids[:-1]])
    rows = dy.reshape(flat.size, *out.shape[1:])[order]
    out[sorted_ids[starts]] = np.add.reduceat(rows, starts, axis=0)


ROTARY_BASE = 10000.0
"""Base of the angles of rotary positions."""


@lru_cache(maxsize=32)
def angles(length: int, half: int, base: float, dtype: Any) -> tuple[AnyArray, AnyArray]:
    """cos and sin (T, D/2) of t · base^(-2i/D), computed in float64 and then converted."""
    rates = base ** (-np.arange(half) / half)
    angles = np.arange(length)[:, None] * rates
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


def _turned(x: Spec, *, inverse: bool = False, base: float = ROTARY_BASE) -> Spec:
    if len(x.shape) < 2 or x.shape[-1] % 2:
        raise ShapeError.expected("rotary", expected="(…, T, D) with D even", got=x.shape)
    return x


@verb(_turned, flops=3, reuses=(0,))
def rotary(y: AnyArray, x: AnyArray, *, inverse: bool = False, base: float = ROTARY_BASE) -> None:
    """Each pair (i, i + D/2) of x (…,T,D) rotated by the angle t · base^(-2i/D), or back with `inverse`.

    Rotary positions (Su et al. 2021), half-split as in Llama. The gradient of a rotation is the inverse one.
    """
    half = x.shape[-1] // 2
    cos, sin = angles(x.shape[-2], half, base, x.dtype)
    first, second = x[..., :half], x[..., half:]
    turn = -sin if inverse else sin
    low, high = first * cos - second * turn, second * cos + first * turn
    y[..., :half] = low
    y[..., half:] = high
