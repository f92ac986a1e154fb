"""Softmax and normalisation, each with its gradient, and the moments for batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.verb import Spec, normal_axes, same, verb
from loom_py.shapes import AnyArray, Shape


def _softmax(x: Spec, mask: Spec | None = None, *, causal: bool = False, **_attrs: Any) -> Spec:
    if mask is not None and np.broadcast_shapes(x.shape, mask.shape) != x.shape:
        raise ShapeError.expected("softmax mask", expected=f"a shape that broadcasts to {x.shape}", got=mask.shape)
    if causal and (len(x.shape) < 2 or x.shape[-1] != x.shape[-2]):
        raise ShapeError.expected("causal softmax", expected="(…, T, T)", got=x.shape)
    return x


@verb(_softmax, flops=5, reuses=(0,))
def softmax(
    y: AnyArray, x: AnyArray, mask: AnyArray | None = None, *, temperature: float = 1.0, causal: bool = False
) -> None:
    """y = exp(x/τ) / Σ exp(x/τ) over the last axis, shifted by the maximum so that it can't overflow.

    Entries where `mask` is 0 are left out, with `causal` also those above the diagonal: there y is 0, whatever x is. A
    row with nothing left is 0.
    """
    hidden = _hidden(x.shape, mask, causal)
    if hidden is not None:
        np.copyto(y, x)
        np.copyto(y, -np.inf, where=hidden)
        x = y
    top = x.max(axis=-1, keepdims=True)
    if hidden is not None:
        top[top == -np.inf] = 0
    np.subtract(x, top, out=y)
    if temperature != 1.0:
        y /= temperature
    np.exp(y, out=y)
    total = y.sum(axis=-1, keepdims=True)
    if hidden is not None:
        total[total == 0] = 1
    y /= total


def _hidden(shape: Shape, mask: AnyArray | None, causal: bool) -> AnyArray | None:
    """True where an entry is left out, in a shape that broadcasts; None when none is."""
    above = ~np.tri(shape[-1], dtype=bool) if causal else None
    padded = None if mask is None else mask == 0
    if above is None or padded is None:
        return padded if above is None else above
    return np.asarray(above | padded)


@verb(same, flops=4)
def softmax_gradient(dx: AnyArray, dy: AnyArray, y: AnyArray, *, temperature: float = 1.0) -> None:
    """dx = y · (dy - Σ dy·y) / τ over the last axis; where y is 0 by a mask, so is dx."""
    np.multiply(dy, y, out=dx)
    dot = dx.sum(axis=-1, keepdims=True)
    np.subtract(dy, dot, out=dx)
    dx *= y
    if temperature != 1.0:
        dx /= temperature


def _normalised(x: Spec, *, axes: tuple[int, ...], eps: float, centre: bool = True) -> tuple[Spec, Spec]:
    gone = normal_axes(axes, len(x.shape))
    kept = tuple(1 if i in gone else n for i, n in enumerate(x.shape))
    return x, Spec(kept, x.dtype)


@verb(_normalised, flops=7)
def normalise(
    normal: AnyArray, rstd: AnyArray, x: AnyArray, *, axes: tuple[int, ...], eps: float, centre: bool = True
) -> None:
    """normal = (x - mean) · rstd with rstd = 1/√(var + eps), over `axes`; without `centre` the mean is 0 (RMS).

    Both are NaN where the variance is beyond float32.
    """
    where = normal_axes(axes, x.ndim)
    if centre:
        np.subtract(x, x.mean(axis=where, keepdims=True), out=normal)
    else:
        np.copyto(normal, x)
    np.mean(np.square(normal), axis=where, keepdims=True, out=rstd)
    inverse_root.meaning(rstd, rstd, eps=eps)
    normal *= rstd


@verb(same, flops=8)
def normalise_gradient(
    dx: AnyArray, dnormal: AnyArray, normal: AnyArray, rstd: AnyArray, *, axes: tuple[int, ...], centre: bool = True
) -> None:
    """dx = rstd · (dn - mean(dn) - n · mean(dn·n)), the second term only with `centre`."""
    where = normal_axes(axes, dnormal.ndim)
    np.multiply(dnormal, normal, out=dx)
    projection = dx.mean(axis=where, keepdims=True)
    np.multiply(normal, projection, out=dx)
    np.subtract(dnormal, dx, out=dx)
    if centre:
        dx -= dnormal.mean(axis=where, keepdims=True)
    dx *= rstd


def _moments(x: Spec, *, axes: tuple[int, ...]) -> tuple[Spec, Spec]:
    _, kept = _normalised(x, axes=axes, eps=0.0)
    return kept, kept


@verb(_moments, flops=lambda i, o, a: 4 * i[0].size)
def moments(mean: AnyArray, variance: AnyArray, x: AnyArray, *, axes: tuple[int, ...]) -> None:
    """Mean and variance (of the population, divided by n) over `axes`, which keep extent 1."""
    where = normal_axes(axes, x.ndim)
    np.mean(x, axis=where, keepdims=True, out=mean)
    np.mean(np.square(x - mean), axis=where, keepdims=True, out=variance)


@verb(same, flops=3, reuses=(0,))
def inverse_root(out: AnyArray, x: AnyArray, *, eps: float) -> None:
    """1 / √(x + eps); NaN where x is infinite: a variance beyond float32, by which nothing can be normalised."""
    np.add(x, eps, out=out)
    np.sqrt(out, out=out)
    np.reciprocal(out, out=out)
    out[out == 0] = np.nan
