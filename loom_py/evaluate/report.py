"""The buckets of deviation as a bar chart in text."""

from __future__ import annotations

from loom_py.evaluate.deviation_counts import DeviationCounts

_BAR = 20


def report_text(metrics: DeviationCounts) -> str:
    """The guide's chart: a bar for each bucket, the largest of full width, with counts, shares and scores."""
    entries = metrics.buckets.entries
    width = max(len(entry.name) for entry in entries)
    largest = max(metrics.bucket_counts)
    digits = len(str(largest))
    lines = ["Deviation Buckets:"]
    for entry, count in zip(entries, metrics.bucket_counts, strict=True):
        # A bucket that is not empty has a visible bar.
        filled = max(round(_BAR * count / largest), 1) if count else 0
        share = 100 * count / max(metrics.count, 1)
        bar = ("█" * filled).ljust(_BAR)
        lines.append(f"{entry.name:<{width}} │{bar}│ {count:>{digits}} ({share:5.1f}%)  {entry.text}")
    lines += [f"{'':<{width}} └{'─' * _BAR}┘", f"{'':<{width}}  Number of samples: {metrics.count}"]
    if metrics.invalid:
        lines.append(f"⚠ {metrics.invalid} of them invalid (NaN or infinite)")
    lines.append(f"Quality Score: {metrics.score:.1f}%   weighted: {metrics.weighted_score:.1f}%")
    return "\n".join(lines)
