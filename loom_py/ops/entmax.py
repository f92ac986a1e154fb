"""Sparse variants of softmax: exact by sorting, with closed-form gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.ops.verb import same, verb
from loom_py.shapes import AnyArray


@verb(same, flops=12, reuses=(0,))
def entmax(y: AnyArray, x: AnyArray, *, alpha: float, temperature: float = 1.0) -> None:
    """α-entmax of x/τ over the last axis: y = max(0, (α-1)·x/τ - t)^(1/(α-1)) with t so that y sums to 1.

    α = 2 is sparsemax (Martins & Astudillo 2016), α = 1.5 entmax15 (Peters, Niculae & Martins 2019); others have no
    closed form and are refused. A NaN or +∞ makes its row NaN.
    """
    z = np.asarray((x - x.max(axis=-1, keepdims=True)) * x.dtype.type((alpha - 1) / temperature))
    ordered = -np.sort(-z, axis=-1)  # largest first
    rank = np.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    threshold = _SOLVED[alpha](ordered, rank)
    size = np.count_nonzero(ordered > threshold, axis=-1, keepdims=True)
    t = np.take_along_axis(threshold, np.maximum(size, 1) - 1, axis=-1)
    inside = z >= np.take_along_axis(ordered, np.maximum(size, 1) - 1, axis=-1)
    np.subtract(z, t, out=y)
    np.maximum(y, 0, out=y)
    y *= inside | np.isnan(z)
    if alpha != 2:
        np.square(y, out=y)


def _linear_threshold(ordered: AnyArray, rank: AnyArray) -> AnyArray:
    """t for each number k of largest entries kept: (Σ z - 1)/k."""
    return np.asarray((ordered.cumsum(-1) - 1) / rank)


def _square_threshold(ordered: AnyArray, rank: AnyArray) -> AnyArray:
    """t for each k, for squares that sum to 1: mean - √((1 - k·variance)/k)."""
    mean = ordered.cumsum(-1) / rank
    spread = np.square(ordered).cumsum(-1) - rank * mean * mean
    return np.asarray(mean - np.sqrt(np.maximum((1 - spread) / rank, 0)))


_SOLVED: dict[float, Any] = {2.0: _linear_threshold, 1.5: _square_threshold}


@verb(same, flops=6)
def entmax_gradient(dx: AnyArray, dy: AnyArray, y: AnyArray, *, alpha: float, temperature: float = 1.0) -> None:
    """dx = g·(dy - Σ g·dy / Σ g)/τ with g = y^(2-α) where y > 0, else 0."""
    g = (y > 0).astype(y.dtype) if alpha == 2 else np.sqrt(y)
    mean = (g * dy).sum(axis=-1, keepdims=True) / g.sum(axis=-1, keepdims=True)
    np.subtract(dy, mean, out=dx)
    dx *= g
    if temperature != 1.0:
        dx /= temperature
