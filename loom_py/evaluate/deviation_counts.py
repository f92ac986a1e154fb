"""The state of DeviationMetrics, in bounded memory: options, buckets with ids, score, worst samples, sums."""

from __future__ import annotations

import math
from typing import Literal

from loom_py.errors import ConfigError
from loom_py.evaluate.arrays import Vector
from loom_py.evaluate.buckets import PRESETS, Preset
from loom_py.evaluate.classification import ClassificationMetrics
from loom_py.evaluate.regression import RegressionMetrics
from loom_py.evaluate.samples import VALUES_KEPT, IdSample, SampleId, WorstHeap, WorstSample
from loom_py.introspect import Introspectable

Aggregate = Literal["max", "mean"]

SCORE_UNIT = 2**40
"""Scores are summed as integers in units of 2⁻⁴⁰ %: sums are independent of the order, so merging is associative."""


class DeviationCounts(Introspectable):
    """Samples sorted into buckets by their deviation."""

    def __init__(self, preset: Preset, aggregate: Aggregate, eps: float, worst: int, samples_per_bucket: int) -> None:
        """Create empty counts; raises ConfigError for an option that is unknown or out of range."""
        if aggregate not in ("max", "mean"):
            raise ConfigError.expected("aggregate", expected="max or mean", got=repr(aggregate))
        if not 0 < eps < math.inf:
            raise ConfigError.expected("eps", expected="a number greater than 0", got=eps)
        if preset not in PRESETS:
            raise ConfigError.expected("preset", expected=f"one of {', '.join(PRESETS)}", got=repr(preset))
        if min(worst, samples_per_bucket) < 0:
            raise ConfigError.expected(
                "worst, samples_per_bucket", expected="0 or more", got=(worst, samples_per_bucket)
            )
        self.preset, self.aggregate, self.eps = preset, aggregate, eps
        self.worst_capacity, self.ids_capacity = worst, samples_per_bucket
        self.buckets = PRESETS[preset]
        self.reset()

    def reset(self) -> None:
        """Remove all samples."""
        self.count = 0
        self.invalid = 0
        self.bucket_counts = [0] * len(self.buckets)
        self.score_units = 0
        self.worst_heap = WorstHeap(self.worst_capacity)
        self.bucket_ids = [IdSample(self.ids_capacity) for _ in self.bucket_counts]
        self.regression = RegressionMetrics()
        self.classification = ClassificationMetrics()

    @property
    def score(self) -> float:
        """Mean over samples of max(0, 100 − deviation in %), with 0 for invalid ones; NaN without samples."""
        return self.score_units / SCORE_UNIT / self.count if self.count else math.nan

    @property
    def weighted_score(self) -> float:
        """100 · Σ weight · share of the buckets; NaN without samples.

        Weights from the best bucket to the worst: 1, 0.9, 0.75, 0.5, 0.25, 0.1, 0.
        """
        if not self.count:
            return math.nan
        both = zip(self.buckets.entries, self.bucket_counts, strict=True)
        return 100 * math.fsum(bucket.weight * count for bucket, count in both) / self.count

    def get_bucket_counts(self) -> dict[str, int]:
        """Number of samples in each bucket by name, from the best to the worst; the last includes invalid samples."""
        return dict(zip((entry.name for entry in self.buckets.entries), self.bucket_counts, strict=True))

    def get_worst_samples(self, n: int = 10) -> list[WorstSample]:
        """The n worst samples, invalid ones first, then by deviation."""
        return self.worst_heap.worst(n)

    def get_samples_in_bucket(self, bucket: str) -> list[int | str]:
        """Ids of the samples in a bucket, or a random sample of very many.

        Args:
            bucket: name of the bucket, upper or lower case.

        Raises:
            ConfigError: there is no bucket of this name.
        """
        index = self.buckets.named(bucket)
        if index is None:
            names = ", ".join(entry.name for entry in self.buckets.entries)
            raise ConfigError.expected("bucket", expected=f"one of {names}", got=repr(bucket))
        return self.bucket_ids[index].ids()

    def _merge_sums(self, other: DeviationCounts) -> None:
        self.regression.merge(other.regression)  # first: merging refuses samples of other sizes
        self.classification.merge(other.classification)
        self.count += other.count
        self.invalid += other.invalid
        self.score_units += other.score_units
        self.bucket_counts = [a + b for a, b in zip(self.bucket_counts, other.bucket_counts, strict=True)]
        self.worst_heap.merge(other.worst_heap)
        for ids, others in zip(self.bucket_ids, other.bucket_ids, strict=True):
            ids.merge(others)

    def _add(self, deviation: float, expected: Vector, predicted: Vector, sample_id: SampleId | None) -> None:
        name = self.count if sample_id is None else sample_id
        index = self.buckets.index_of(deviation)
        self.count += 1
        self.invalid += not math.isfinite(deviation)
        self.bucket_counts[index] += 1
        self.bucket_ids[index].add(name)
        if math.isfinite(deviation):
            self.score_units += round(max(0.0, 100 - 100 * deviation) * SCORE_UNIT)
        if self.worst_heap.admits(deviation):
            values = (tuple(v[:VALUES_KEPT].tolist()) for v in (expected, predicted))
            self.worst_heap.add(WorstSample(name, deviation, *values))
