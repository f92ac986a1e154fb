"""Loss heads: verbs that compute a loss together with its gradient, since they share work.

All losses are means: cross-entropy over samples (rows), the others over all elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.activation import sigmoid_into
from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray


def _head(output: Spec, target: Spec, *_rest: Spec | None, **_attrs: Any) -> tuple[Spec, Spec]:
    if target.dtype.kind in "iu":
        if target.shape != output.shape[:-1]:
            raise ShapeError.expected("class labels", expected=output.shape[:-1], got=target.shape)
    elif target.shape != output.shape:
        raise ShapeError.expected("target", expected=output.shape, got=target.shape)
    return Spec((), output.dtype), output


def weigh_target(
    target: AnyArray, classes: int, dtype: Any, smoothing: float, weights: AnyArray | None, ignore: int | None = None
) -> tuple[AnyArray, float]:
    """Target rows (smoothed, weighted by class) and the divisor of the sum of losses.

    Integer labels become one-hot rows, zero where the label is `ignore`, and are averaged by their classes' weights;
    soft rows by the number of samples. The divisor is 1 where nothing has weight.
    """
    labels = target.dtype.kind in "iu"
    counted: AnyArray | None = None
    if labels:
        counted = None if ignore is None else target[..., None] != ignore
        rows = np.zeros((*target.shape, classes), dtype)
        known = target[..., None] if counted is None else np.where(counted, target[..., None], 0)
        np.put_along_axis(rows, known.astype(np.intp), 1 if counted is None else counted.astype(dtype), axis=-1)
    else:
        rows = np.array(target, dtype)
    samples = rows.size // classes if counted is None else np.count_nonzero(counted)
    divisor = float(max(samples, 1)) if weights is None or not labels else float((rows * weights).sum())
    if smoothing:
        rows *= 1 - smoothing
        rows += smoothing / classes if counted is None else counted * dtype.type(smoothing / classes)
    return rows if weights is None else rows * weights, divisor or 1.0


@verb(_head, flops=8)
def cross_entropy_logits(
    loss: AnyArray,
    dx: AnyArray,
    logits: AnyArray,
    target: AnyArray,
    weights: AnyArray | None = None,
    *,
    smoothing: float = 0.0,
    ignore: int | None = None,
) -> None:
    """loss = -Σ t·log softmax(x) / n, dx = (softmax(x)·Σt - t)/n; fused, so that huge logits do not overflow."""
    t, divisor = weigh_target(target, logits.shape[-1], logits.dtype, smoothing, weights, ignore)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    np.exp(shifted, out=dx)
    total = dx.sum(axis=-1, keepdims=True)
    log_p = shifted - np.log(total)
    loss[...] = -_sum_where(t, log_p) / divisor
    dx /= total
    dx *= t.sum(axis=-1, keepdims=True)
    dx -= t
    dx /= divisor


def _sum_where(weight: AnyArray, value: AnyArray) -> Any:
    """Σ weight·value with 0·(-inf) = 0: a class without weight adds nothing, even at log 0; NaN stays NaN."""
    return np.sum(weight * np.where((weight != 0) | np.isnan(value), value, 0), dtype=np.float64)


@verb(_head, flops=5)
def cross_entropy_probabilities(
    loss: AnyArray,
    dx: AnyArray,
    p: AnyArray,
    target: AnyArray,
    weights: AnyArray | None = None,
    *,
    smoothing: float = 0.0,
    ignore: int | None = None,
) -> None:
    """loss = -Σ t·log p / n, dp = -t/p/n, with p clamped to the smallest normal number; a NaN makes the loss NaN."""
    t, divisor = weigh_target(target, p.shape[-1], p.dtype, smoothing, weights, ignore)
    safe = np.maximum(p, np.finfo(p.dtype).tiny)
    loss[...] = np.nan if np.isnan(p).any() else -_sum_where(t, np.log(safe)) / divisor
    np.divide(t, safe, out=dx)
    dx /= -divisor


@verb(_head, flops=3)
def squared_error(loss: AnyArray, dx: AnyArray, output: AnyArray, target: AnyArray) -> None:
    """loss = mean (y - t)², dy = 2(y - t)/n."""
    np.subtract(output, target, out=dx)
    loss[...] = np.mean(np.square(dx, dtype=np.float64))
    dx *= 2 / max(dx.size, 1)


@verb(_head, flops=3)
def absolute_error(loss: AnyArray, dx: AnyArray, output: AnyArray, target: AnyArray) -> None:
    """loss = mean |y - t|, dy = sign(y - t)/n, 0 where equal."""
    np.subtract(output, target, out=dx)
    loss[...] = np.mean(np.abs(dx), dtype=np.float64)
    np.sign(dx, out=dx)
    dx /= max(dx.size, 1)


@verb(_head, flops=5)
def huber_error(loss: AnyArray, dx: AnyArray, output: AnyArray, target: AnyArray, *, delta: float = 1.0) -> None:
    """Mean of e²/2 for |e| ≤ δ, δ(|e| - δ/2) beyond (Huber 1964); the gradient is e clipped to ±δ, over n."""
    np.subtract(output, target, out=dx)
    size = np.abs(dx)
    loss[...] = np.mean(np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)), dtype=np.float64)
    np.clip(dx, -delta, delta, out=dx)
    dx /= max(dx.size, 1)


@verb(_head, flops=8)
def binary_cross_entropy_logits(loss: AnyArray, dx: AnyArray, logits: AnyArray, target: AnyArray) -> None:
    """loss = mean max(x,0) - x·t + log(1 + exp(-|x|)), dx = (sigmoid(x) - t)/n."""
    softplus = np.log1p(np.exp(-np.abs(logits)))
    loss[...] = np.mean(np.maximum(logits, 0) - logits * target + softplus, dtype=np.float64)
    sigmoid_into(dx, logits)
    dx -= target
    dx /= max(dx.size, 1)


@verb(_head, flops=8)
def binary_cross_entropy_probabilities(loss: AnyArray, dx: AnyArray, p: AnyArray, target: AnyArray) -> None:
    """loss = -mean [t·log p + (1-t)·log(1-p)], logarithms clamped at -100 as in PyTorch; dp = (p-t)/(p(1-p))/n."""
    log_p = np.maximum(np.log(p), -100)
    log_q = np.maximum(np.log1p(-p), -100)
    loss[...] = -np.mean(target * log_p + (1 - target) * log_q, dtype=np.float64)
    np.subtract(p, target, out=dx)
    dx /= np.maximum(p * (1 - p), 1e-12)
    dx /= max(dx.size, 1)


@verb(lambda output, target, *, ignore=None: Spec((), np.dtype(np.float32)), flops=lambda i, o, a: i[0].size)
def correct_count(out: AnyArray, output: AnyArray, target: AnyArray, *, ignore: int | None = None) -> None:
    """Number of rows with the largest output at the target's class; rows with NaN or label `ignore` don't count."""
    labels = target.dtype.kind in "iu"
    wanted = target if labels else target.argmax(axis=-1)
    right = output.argmax(axis=-1) == wanted
    if labels and ignore is not None:
        right &= wanted != ignore
    out[...] = np.count_nonzero(right & ~np.isnan(output).any(axis=-1))
