"""The logarithmic bins of histograms: fixed, so that counts of different steps and layers can be added."""

from __future__ import annotations

LOWEST, HIGHEST = -32, 31
"""Exponents of the outermost bins; what lies beyond is counted in them."""
_SIDE = HIGHEST - LOWEST + 1
BINS = 2 * _SIDE + 1
"""Bins in order of value: negative from large to small, zero, positive from small to large."""


def histogram_edges() -> list[tuple[float, float]]:
    """Lowest and highest value of each bin: (-2^(k+1), -2^k], {0}, [2^k, 2^(k+1))."""
    positive = [(2.0**k, 2.0 ** (k + 1)) for k in range(LOWEST, HIGHEST + 1)]
    return [*((-high, -low) for low, high in reversed(positive)), (0.0, 0.0), *positive]
