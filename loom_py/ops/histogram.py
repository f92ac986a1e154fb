"""Histograms in fixed logarithmic bins, so that those of different steps and layers can be added."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.bins import BINS as BINS
from loom_py.bins import HIGHEST, LOWEST
from loom_py.bins import histogram_edges as histogram_edges
from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray

_SIDE = BINS // 2


@verb(lambda x: Spec((BINS,), np.dtype(np.float64)), flops=lambda i, o, a: 4 * i[0].size)
def histogram(counts: AnyArray, x: AnyArray) -> None:
    """How many finite values of x lie in each bin; NaN and infinities are not counted here (`stats` does)."""
    finite: Any = x[np.isfinite(x)]
    _, exponent = np.frexp(finite)  # |x| = m · 2^e with m in [0.5, 1): the bin of 2^k has e = k + 1
    place = np.clip(exponent - 1, LOWEST, HIGHEST) - LOWEST + 1
    signed = np.where(finite == 0, 0, np.where(finite < 0, -place, place))
    counts[...] = np.bincount(signed + _SIDE, minlength=BINS)
