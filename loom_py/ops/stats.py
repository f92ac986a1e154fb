"""The verb that observation is made of: everything worth knowing of an array, in one row of numbers."""

from __future__ import annotations

import numpy as np

from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray

STAT_FIELDS = (
    "count",
    "nan",
    "positive_inf",
    "negative_inf",
    "zeros",
    "min",
    "max",
    "mean",
    "std",
    "norm",
    "dead_units",
)
"""What a row of `stats` holds, in order. min … norm are over the finite values: NaN if there is none."""

_SAFE = 1e15  # squares of anything smaller, summed, stay far inside float32


@verb(
    lambda x, *, unit_axis=None: Spec((len(STAT_FIELDS),), np.dtype(np.float64)),
    flops=lambda i, o, a: 8 * i[0].size,
)
def stats(row: AnyArray, x: AnyArray, *, unit_axis: int | None = None) -> None:
    """One row of STAT_FIELDS for x.

    Mean and variance by the corrected two-pass form, so that N(1000, 0.1²) has a standard deviation of 0.1 and not 0;
    norms can't overflow. `dead_units` counts positions along `unit_axis` that are 0 everywhere else (NaN without axis).
    """
    row[:5] = x.size, 0, 0, 0, x.size - np.count_nonzero(x)
    row[5:] = np.nan
    if x.size == 0:
        return
    if unit_axis is not None:
        axes = tuple(a for a in range(x.ndim) if a != unit_axis % x.ndim)
        row[10] = x.shape[unit_axis] - np.count_nonzero(x.any(axis=axes))
    low, high = float(x.min()), float(x.max())
    if np.isfinite(low) and np.isfinite(high):
        row[5:10] = _moments(x, low, high)
        return
    row[1] = np.count_nonzero(np.isnan(x))
    row[2] = np.count_nonzero(x == np.inf)
    row[3] = np.count_nonzero(x == -np.inf)
    finite = x[np.isfinite(x)]
    if finite.size:
        row[5:10] = _moments(finite, float(finite.min()), float(finite.max()))


def _moments(x: AnyArray, low: float, high: float) -> tuple[float, float, float, float, float]:
    """(min, max, mean, std, norm) of finite values between low and high."""
    n = x.size
    if max(-low, high) > _SAFE:
        x = x.astype(np.float64) if max(-low, high) < 1e150 else x / max(-low, high)
        if max(-low, high) >= 1e150:  # float64 whose squares would overflow: measure scaled, then scale back
            factor = max(-low, high)
            _, _, mean, std, norm = _moments(x, low / factor, high / factor)
            return low, high, mean * factor, std * factor, norm * factor
    mean = float(x.sum()) / n
    deviation = np.subtract(x, x.dtype.type(mean))
    shift = float(deviation.sum()) / n
    variance = max(float(np.square(deviation, out=deviation).sum()) / n - shift * shift, 0.0)
    mean += shift
    return low, high, mean, variance**0.5, (n * (variance + mean * mean)) ** 0.5
