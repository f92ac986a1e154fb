"""Softmax and normalisation, each with its gradient."""

from __future__ import annotations

import numpy as np

from loom_py.ops.verb import Spec, normal_axes, same, verb
from loom_py.shapes import AnyArray


@verb(same, flops=5, reuses=(0,))
def softmax(y: AnyArray, x: AnyArray, *, axis: int = -1, temperature: float = 1.0) -> None:
    """y = exp(x/τ) / Σ exp(x/τ) along an axis, shifted by the maximum so that it can't overflow."""
    np.subtract(x, x.max(axis=axis, keepdims=True), out=y)
    if temperature != 1.0:
        y /= temperature
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)


@verb(same, flops=4)
def softmax_gradient(dx: AnyArray, dy: AnyArray, y: AnyArray, *, axis: int = -1, temperature: float = 1.0) -> None:
    """dx = y · (dy - Σ dy·y) / τ."""
    np.multiply(dy, y, out=dx)
    dot = dx.sum(axis=axis, keepdims=True)
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
    """normal = (x - mean) · rstd with rstd = 1/√(var + eps), over `axes`; without `centre` the mean is 0 (RMS)."""
    where = normal_axes(axes, x.ndim)
    if centre:
        np.subtract(x, x.mean(axis=where, keepdims=True), out=normal)
    else:
        np.copyto(normal, x)
    np.mean(np.square(normal), axis=where, keepdims=True, out=rstd)
    rstd += eps
    np.sqrt(rstd, out=rstd)
    np.reciprocal(rstd, out=rstd)
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
