"""DeviationMetrics as strict JSON; every value is checked on reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loom_py.errors import ConfigError, FileFormatError
from loom_py.evaluate.classification import ClassificationMetrics
from loom_py.evaluate.deviation_counts import DeviationCounts
from loom_py.evaluate.regression import RegressionMetrics
from loom_py.evaluate.samples import WorstSample, checked_id
from loom_py.strict_json import decode_count, dumps, loads

FORMAT = "loom_py-deviation-metrics"
VERSION = 1


def write_state(metrics: DeviationCounts) -> str:
    """The state of the metrics as strict JSON."""
    return dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "preset": metrics.preset,
            "aggregate": metrics.aggregate,
            "eps": metrics.eps,
            "worst": metrics.worst_capacity,
            "samples_per_bucket": metrics.ids_capacity,
            "count": metrics.count,
            "invalid": metrics.invalid,
            "score": None if not metrics.count else metrics.score,
            "score_units": str(metrics.score_units),
            "buckets": [
                {"name": entry.name, "count": n, "sample_ids": ids.ids()}
                for entry, n, ids in zip(
                    metrics.buckets.entries, metrics.bucket_counts, metrics.bucket_ids, strict=True
                )
            ],
            "worst_samples": [sample.to_dict() for sample in metrics.get_worst_samples(metrics.worst_capacity)],
            "regression": metrics.regression.to_dict(),
            "classification": metrics.classification.to_dict(),
        },
        compact=False,
    )


def read_state(text: str) -> tuple[dict[str, Any], Callable[[DeviationCounts], None]]:
    """Options of the constructor, and a function that fills metrics created with them; raises FileFormatError."""
    data = loads(text, "metrics")
    if not isinstance(data, dict):
        raise FileFormatError.expected("metrics", expected="a JSON object", got=type(data).__name__)
    if (data.get("format"), data.get("version")) != (FORMAT, VERSION):
        got = f"{data.get('format')} version {data.get('version')}"
        raise FileFormatError.expected("metrics", expected=f"{FORMAT} version {VERSION}", got=got[:80])
    options = {name: data.get(name) for name in ("preset", "aggregate", "eps", "worst", "samples_per_bucket")}
    decode_count(options["worst"], "worst")
    decode_count(options["samples_per_bucket"], "samples_per_bucket")
    if not isinstance(options["eps"], float):
        raise FileFormatError.expected("eps", expected="a number", got=repr(options["eps"])[:40])
    return options, lambda metrics: _fill(metrics, data)


def _fill(metrics: DeviationCounts, data: dict[str, Any]) -> None:
    try:
        metrics.count = decode_count(data["count"], "count")
        metrics.invalid = decode_count(data["invalid"], "invalid")
        metrics.score_units = decode_count(int(data["score_units"]), "score_units", 2**120)
        metrics.bucket_counts = [decode_count(bucket["count"], "bucket count") for bucket in data["buckets"]]
        for ids, bucket in zip(metrics.bucket_ids, data["buckets"], strict=True):
            for sample_id in bucket["sample_ids"]:
                ids.add(checked_id(sample_id))
        for sample in data["worst_samples"]:
            metrics.worst_heap.add(WorstSample.from_dict(sample))
        metrics.regression = RegressionMetrics.from_dict(data["regression"])
        metrics.classification = ClassificationMetrics.from_dict(data["classification"])
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise FileFormatError(f"metrics are damaged: {error}") from error
    if sum(metrics.bucket_counts) != metrics.count:
        raise FileFormatError.expected("samples in buckets", expected=metrics.count, got=sum(metrics.bucket_counts))
