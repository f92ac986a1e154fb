"""Buckets of deviation: names, edges and weights."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Literal, NamedTuple

Preset = Literal["guide", "loom"]


class Bucket(NamedTuple):
    """One bucket of deviation."""

    name: str
    """Its name."""
    upper: float
    """Its upper edge, as a fraction; infinite for the last."""
    inclusive: bool
    """Whether the upper edge itself belongs to it."""
    weight: float
    """Weight of its samples in the weighted score, between 0 and 1."""
    text: str
    """Its range in words."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets from the best to the worst; the last takes everything else, NaN and infinity included."""

    entries: tuple[Bucket, ...]

    def __len__(self) -> int:
        """Number of buckets."""
        return len(self.entries)

    def index_of(self, deviation: float) -> int:
        """The bucket of a deviation; the last one for NaN and infinity."""
        if not math.isfinite(deviation):
            return len(self.entries) - 1
        uppers = [bucket.upper for bucket in self.entries]
        # With an inclusive edge the edge belongs to the bucket below it, else to the one above.
        low, high = bisect_left(uppers, deviation), bisect_right(uppers, deviation)
        while low < high and not self.entries[low].inclusive:
            low += 1
        return low

    def named(self, name: str) -> int | None:
        """The index of a bucket by its name, in any case; None if there is none."""
        names = [bucket.name.lower() for bucket in self.entries]
        return names.index(name.lower()) if name.lower() in names else None


PRESETS: dict[Preset, Buckets] = {
    "guide": Buckets(
        (
            Bucket("Perfect", 1e-6, True, 1.0, "0% deviation (exactly right)"),
            Bucket("Excellent", 0.05, False, 0.9, "<5% deviation (very close)"),
            Bucket("Good", 0.10, False, 0.75, "<10% deviation (close enough)"),
            Bucket("Acceptable", 0.20, False, 0.5, "<20% deviation (okay)"),
            Bucket("Poor", 0.50, False, 0.25, "<50% deviation (significant error)"),
            Bucket("Bad", 1.0, True, 0.1, "≤100% deviation (very wrong)"),
            Bucket("Failed", math.inf, True, 0.0, ">100% deviation (completely wrong)"),
        )
    ),
    "loom": Buckets(
        (
            Bucket("0-10%", 0.10, True, 1.0, "≤10% deviation"),
            Bucket("10-20%", 0.20, True, 0.9, "≤20% deviation"),
            Bucket("20-30%", 0.30, True, 0.75, "≤30% deviation"),
            Bucket("30-40%", 0.40, True, 0.5, "≤40% deviation"),
            Bucket("40-50%", 0.50, True, 0.25, "≤50% deviation"),
            Bucket("50-100%", 1.0, True, 0.1, "≤100% deviation"),
            Bucket("100%+", math.inf, True, 0.0, ">100% deviation"),
        )
    ),
}
"""Buckets by preset: "guide" as in the guide, "loom" with the edges 10/20/30/40/50/100 % of Loom's code."""
