"""OpenTelemetry metrics as OTLP JSON: records become gauges with attributes for layer and phase.

Encoding: opentelemetry-proto, "OTLP/HTTP JSON": lowerCamelCase keys, 64-bit integers as texts, enums as integers,
NaN and infinities as quoted texts (proto3 JSON). Names are our own, under `loom.`; units are UCUM.
There is no semantic convention for training runs. A JSON Lines file has one `MetricsData` a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from loom_py.atomic_file import write_whole
from loom_py.observers.formats.scalars import (
    event_scalars,
    layer_scalars,
    parameter_scalars,
    seconds_name,
    tween_scalars,
    view_scalars,
)
from loom_py.observers.records.file import Header, versions
from loom_py.observers.records.json_values import encode_statistic
from loom_py.observers.records.rows import AnyRecord, Record
from loom_py.strict_json import dumps
from loom_py.telemetry.events import LayerStats, TrainingEvent, TweenStep
from loom_py.telemetry.statistics import LAYER_STATISTICS, UNITS

ROWS_PER_LINE = 512
_UNITS = {**UNITS, **{seconds_name(s): "s" for s in LAYER_STATISTICS if s.unit == "ns"}}

Json = dict[str, Any]


def metrics_data(records: Sequence[AnyRecord], resource: Mapping[str, str]) -> Json:
    """`MetricsData`, which is also the body of an export request: one gauge for each name, its points in order."""
    points: dict[tuple[str, str], list[Json]] = {}
    for record in records:
        for group, described, scalars in _groups(record):
            attributes = _attributes(described)
            for name, value in scalars:
                key = (f"{group}.{name.removesuffix('_s')}", _UNITS.get(name, "1"))
                points.setdefault(key, []).append(_point(record.time_ns, value, attributes))
    metrics = [{"name": name, "unit": unit, "gauge": {"dataPoints": rows}} for (name, unit), rows in points.items()]
    scope = {"name": "loom_py", "version": versions()["loom_py"]}
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": _attributes({"service.name": "loom_py", **resource})},
                "scopeMetrics": [{"scope": scope, "metrics": metrics}],
            }
        ]
    }


def count_points(data: Json) -> int:
    """Number of data points in the `MetricsData` of `metrics_data`."""
    metrics = data["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    return sum(len(metric["gauge"]["dataPoints"]) for metric in metrics)


def export_otlp(records: Iterable[AnyRecord], header: Header, path: Path) -> Path:
    """Write OTLP JSON Lines; returns the path."""
    return write_whole(path, _lines(iter(records), header))


def _lines(records: Iterator[AnyRecord], header: Header) -> Iterator[bytes]:
    resource = {"process.runtime.version": header.versions.get("python", "")}
    while batch := list(islice(records, ROWS_PER_LINE)):
        yield dumps(metrics_data(batch, resource)).encode() + b"\n"


def _groups(record: AnyRecord) -> Iterator[tuple[str, dict[str, str | int], list[tuple[str, float]]]]:
    """Groups of a record's numbers, each with the prefix of the metrics' names and the attributes."""
    if isinstance(record, TweenStep):
        yield "loom.tween", {}, [("step", record.step), *tween_scalars(record)]
        for view in record.views:
            yield "loom.tween", {"loom.layer.path": view.path}, view_scalars(view)
        return
    described = _describe(record)
    yield "loom.layer" if isinstance(record, LayerStats) else "loom.training", described, _scalars(record)
    if isinstance(record, LayerStats):
        for name, parameter in record.parameters.items():
            yield (
                "loom.parameter",
                {**described, "loom.parameter.name": name},
                parameter_scalars(parameter, record.phase),
            )


def _scalars(record: Record) -> list[tuple[str, float]]:
    if isinstance(record, LayerStats):
        return layer_scalars(record)
    # Steps are values and not attributes: each value of an attribute makes a time series of its own.
    # An anomaly may have no number, so it is a point of its own.
    kind = [("anomaly", 1)] if record.type == "anomaly" else []
    return [("step", record.step), *kind, *event_scalars(record)]


def _describe(record: Record) -> dict[str, str | int]:
    if isinstance(record, TrainingEvent):
        place = {"loom.layer.path": record.path} if record.path else {}
        text = {"loom.text": record.text} if record.text else {}
        return {"loom.event": record.type, **place, **text}
    return {
        "loom.layer.path": record.path,
        "loom.layer.type": record.layer_type,
        "loom.phase": record.phase,
    }


def _attributes(values: Mapping[str, str | int]) -> list[Json]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]


def _point(time_ns: int, value: float, attributes: list[Json]) -> Json:
    number: Json = {"asInt": str(value)} if isinstance(value, int) else {"asDouble": encode_statistic(value)}
    return {"timeUnixNano": str(time_ns), **number, "attributes": attributes}
