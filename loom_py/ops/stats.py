"""Statistics of an array as one row of numbers, for observers."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.ops.arithmetic import sum_of_squares
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
"""Fields of a row of `stats`, in order. min … norm are over the finite values; NaN if there are none."""

_LARGE, _SMALL = 1e15, 1e-15  # sums of squares of values in between fit into float32


@verb(
    lambda x, *, unit_axis=None: Spec((len(STAT_FIELDS),), np.dtype(np.float64)),
    flops=lambda i, o, a: 8 * i[0].size,
)
def stats(row: AnyArray, x: AnyArray, *, unit_axis: int | None = None) -> None:
    """One row of STAT_FIELDS for x.

    The variance of values far from 0 is computed from deviations, so that N(1000, 0.1²) has a standard deviation of 0.1
    and not 0; norms can't overflow. `dead_units` counts positions along `unit_axis` that are 0 everywhere else
    (NaN without an axis).
    """
    zeros = x.size - np.count_nonzero(x)
    row[:5] = x.size, 0, 0, 0, zeros
    row[5:] = np.nan
    if x.size == 0:
        return
    if unit_axis is not None:
        row[10] = _dead_units(x, unit_axis % x.ndim, zeros)
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


def _dead_units(x: AnyArray, axis: int, zeros: Any) -> int:
    """Positions along `axis` that are 0 everywhere; fast if there are too few zeros for one."""
    units = int(x.shape[axis])
    if zeros * units < x.size:
        return 0
    return units - int(np.count_nonzero(x.any(axis=tuple(a for a in range(x.ndim) if a != axis))))


def _moments(x: AnyArray, low: float, high: float) -> tuple[float, float, float, float, float]:
    """(min, max, mean, std, norm) of finite values between low and high."""
    largest = max(-low, high)
    if largest > _LARGE or 0 < largest < _SMALL:  # squares would overflow or underflow: scale, then scale back
        _, _, mean, std, norm = _moments(x / x.dtype.type(largest), low / largest, high / largest)
        return low, high, mean * largest, std * largest, norm * largest
    n = x.size
    squares = sum_of_squares(x)
    mean = float(x.sum()) / n
    variance = squares / n - mean * mean
    if variance < 0.01 * mean * mean:  # a difference of large numbers: use deviations instead
        deviation = np.subtract(x, x.dtype.type(mean))
        shift = float(deviation.sum()) / n
        variance = max(sum_of_squares(deviation) / n - shift * shift, 0.0)
        mean += shift
    return low, high, mean, variance**0.5, squares**0.5
