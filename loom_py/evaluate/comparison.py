"""Comparison of two models' deviations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loom_py.errors import ConfigError
from loom_py.evaluate.deviation_counts import DeviationCounts

Better = Literal["a", "b", "equal"]


@dataclass(frozen=True, slots=True)
class DeviationComparison:
    """Shares of the buckets and scores of two models."""

    buckets: tuple[str, ...]
    """Names of the buckets."""
    shares_a: tuple[float, ...]
    """Share of the first model's samples in each bucket, between 0 and 1."""
    shares_b: tuple[float, ...]
    """Share of the second model's samples in each bucket, between 0 and 1."""
    score_a: float
    """Score of the first model, in %."""
    score_b: float
    """Score of the second model, in %."""
    weighted_score_a: float
    """Weighted score of the first model, in %."""
    weighted_score_b: float
    """Weighted score of the second model, in %."""
    better: Better
    """The model with the higher weighted score."""

    def __str__(self) -> str:
        """A table of the two models."""
        width = max(map(len, (*self.buckets, "Weighted")))
        rows = zip(self.buckets, self.shares_a, self.shares_b, strict=True)
        lines = [f"{'':<{width}}  Model A  Model B"]
        lines += [f"{name:<{width}}  {100 * a:6.1f}%  {100 * b:6.1f}%" for name, a, b in rows]
        lines.append(f"{'Score':<{width}}  {self.score_a:6.1f}%  {self.score_b:6.1f}%")
        lines.append(f"{'Weighted':<{width}}  {self.weighted_score_a:6.1f}%  {self.weighted_score_b:6.1f}%")
        lines.append("The models are equal" if self.better == "equal" else f"Model {self.better.upper()} is better")
        return "\n".join(lines)


def compare_deviations(a: DeviationCounts, b: DeviationCounts) -> DeviationComparison:
    """Compare two metrics; raises ConfigError if their buckets differ."""
    if a.preset != b.preset:
        raise ConfigError.expected("compare", expected=f"metrics of preset {a.preset}", got=b.preset)
    score_a, score_b = a.weighted_score, b.weighted_score
    better: Better = "a" if score_a > score_b else "b" if score_b > score_a else "equal"
    return DeviationComparison(
        tuple(entry.name for entry in a.buckets.entries),
        _shares(a),
        _shares(b),
        a.score,
        b.score,
        score_a,
        score_b,
        better,
    )


def _shares(metrics: DeviationCounts) -> tuple[float, ...]:
    return tuple(count / max(metrics.count, 1) for count in metrics.bucket_counts)
