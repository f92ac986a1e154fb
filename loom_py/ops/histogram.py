"""Histograms in fixed logarithmic bins, so that those of different steps and layers can be added."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray

LOWEST, HIGHEST = -32, 31
"""Exponents of the outermost bins, which also count the values beyond them."""
_SIDE = HIGHEST - LOWEST + 1
BINS = 2 * _SIDE + 1
"""Bins in order of value: negative from large to small, zero, positive from small to large."""


def histogram_edges() -> list[tuple[float, float]]:
    """Lowest and highest value of each bin: (-2^(k+1), -2^k], {0}, [2^k, 2^(k+1))."""
    positive = [(2.0**k, 2.0 ** (k + 1)) for k in range(LOWEST, HIGHEST + 1)]
    return [*((-high, -low) for low, high in reversed(positive)), (0.0, 0.0), *positive]


@verb(lambda x: Spec((BINS,), np.dtype(np.float64)), flops=lambda i, o, a: 4 * i[0].size)
def histogram(counts: AnyArray, x: AnyArray) -> None:
    """Finite values of x per bin; NaN and infinities are not counted here (`stats` does)."""
    finite: Any = x[np.isfinite(x)]
    _, exponent = np.frexp(finite)  # |x| = m · 2^e with m in [0.5, 1): the bin of 2^k has e = k + 1
    place = np.clip(exponent - 1, LOWEST, HIGHEST) - LOWEST + 1
    signed = np.where(finite == 0, 0, np.where(finite < 0, -place, place))
    counts[...] = np.bincount(signed + _SIDE, minlength=BINS)
