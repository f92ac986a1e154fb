"""Observation inside a Program: which statistics are recorded, and how their numbers become LayerStats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from time import time_ns
from typing import Any, cast

import numpy as np

from loom_py import ops
from loom_py.events import NOT_MEASURED, LayerStats
from loom_py.executors.base import Loaded
from loom_py.layers import Layer
from loom_py.ops import STAT_FIELDS, Tensor
from loom_py.program import Observation, Program, Recorder
from loom_py.shapes import AnyArray, Shape


@dataclass(frozen=True)
class Watch:
    """What observers want of a run: hashable, since a Program is compiled for it.

    Attributes:
        layers: paths to watch, None for all.
        values: keep copies of outputs.
        histograms: count outputs in logarithmic bins.
    """

    layers: frozenset[str] | None = None
    values: bool = False
    histograms: bool = False

    def wants(self, path: str) -> bool:
        """Whether a layer is watched."""
        return self.layers is None or path in self.layers

    def union(self, other: Watch) -> Watch:
        """What satisfies both."""
        both = None if self.layers is None or other.layers is None else self.layers | other.layers
        return Watch(both, self.values or other.values, self.histograms or other.histograms)


@dataclass(slots=True)
class Passed:
    """What is known of one layer's pass before it runs: shapes, and which observations belong to it."""

    path: str
    phase: str
    input_shape: Shape
    output_shape: Shape
    parts: dict[str, int]


class RecordingWatcher:
    """Follows the walk through the layers, opens spans in the recorder and records statistics where wanted."""

    def __init__(self, recorder: Recorder, watch: Watch | None, weights: Mapping[str, Any], first: str) -> None:
        self.recorder = recorder
        self.watch = watch
        self.weights = weights
        self.first = first
        self.passes: list[Passed] = []
        self._unmeasured: list[tuple[Passed, Tensor, Layer]] = []
        self.shapes: dict[str, tuple[Shape, Shape]] = {}
        self._known: dict[tuple[int, str], int] = {}

    def span(self, path: str, phase: str) -> AbstractContextManager[None]:
        return self.recorder.span(path, phase)

    def forward(self, path: str, layer: Layer, x: Tensor, y: Tensor) -> None:
        self.shapes[path] = x.shape, y.shape
        if self.watch is None or not self.watch.wants(path):
            return
        parts = {}
        with self._observing(path):
            parts["output"] = self._stats("output", path, "forward", y, layer.unit_axis)
            for p in layer.parameters():
                if p.trained:
                    weight = self.weights[f"{path}.{p.name}"]
                    parts[f"weight.{p.name}"] = self._norm("parameter", path, "forward", weight, p.name)
            self._extras(parts, path, "forward", y)
        self.passes.append(Passed(path, "forward", x.shape, y.shape, parts))

    def backward(self, path: str, layer: Layer, dy: Tensor, dx: Tensor | None, gradients: Mapping[str, Tensor]) -> None:
        if self.watch is None or not self.watch.wants(path):
            return
        parts = {}
        with self._observing(path):
            parts["output"] = self._stats("gradient", path, "backward", dy, layer.unit_axis)
            for name, gradient in gradients.items():
                parts[f"gradient.{name}"] = self._norm("gradient", path, "backward", gradient, name)
            if dx is not None and path.partition(".")[0] != self.first:
                parts["input_gradient"] = self._stats("input_gradient", path, "backward", dx, layer.unit_axis)
            self._extras(parts, path, "backward", dy)
        self.passes.append(Passed(path, "backward", *self.shapes[path], parts))
        if dx is not None and path.partition(".")[0] == self.first:
            self._unmeasured.append((self.passes[-1], dx, layer))

    def close_backward(self, input_gradient: Tensor | None, *, kept: bool) -> None:
        """Measure the input gradients inside the first layer: only now it is known which of them is the network's.

        That one is computed for observers only when it is `kept` anyway: for the first layer it is the dearest of all.
        """
        for passed, dx, layer in self._unmeasured:
            if kept or input_gradient is None or dx.index != input_gradient.index:
                with self._observing(passed.path):
                    index = self._stats("input_gradient", passed.path, "backward", dx, layer.unit_axis)
                    passed.parts["input_gradient"] = index

    def before_update(self, weights: Tensor) -> Tensor | None:
        """Keep the weights as they are before the update, when anyone wants to know how far it moves them."""
        if not any(p.phase == "backward" for p in self.passes):
            return None
        with self.recorder.span("", "observe"):
            return cast("Tensor", ops.copy(weights))

    def after_update(self, weights: Tensor, before: Tensor | None, places: Mapping[str, tuple[int, int]]) -> None:
        """Measure how far each watched parameter was moved; `places` are element ranges in `weights` by full name."""
        if before is None:
            return
        with self.recorder.span("", "observe"):
            moved = ops.subtract(weights, before)
        for passed in self.passes:
            if passed.phase != "backward":
                continue
            with self._observing(passed.path):
                for key in [k for k in passed.parts if k.startswith("gradient.")]:
                    name = key.removeprefix("gradient.")
                    start, stop = places[f"{passed.path}.{name}"]
                    for kind, whole in (("update", moved), ("before", before)):
                        part = ops.rows(whole, start=start, stop=stop)
                        passed.parts[f"{kind}.{name}"] = self._norm("parameter", passed.path, "update", part, name)

    @contextmanager
    def _observing(self, path: str) -> Iterator[None]:
        with self.recorder.span(path, "observe"):
            yield

    def _stats(self, kind: Any, path: str, phase: str, tensor: Tensor, unit_axis: int) -> int:
        key = (tensor.index, "stats")
        if key not in self._known:
            row = ops.stats(tensor, unit_axis=unit_axis if len(tensor.shape) > 1 else None)
            self._known[key] = self._note(kind, path, phase, row)
        return self._known[key]

    def _norm(self, kind: Any, path: str, phase: str, tensor: Tensor, name: str) -> int:
        key = (tensor.index, "norm")
        if key not in self._known:
            self._known[key] = self._note(kind, path, phase, ops.global_norm(tensor), name)
        return self._known[key]

    def _extras(self, parts: dict[str, int], path: str, phase: str, tensor: Tensor) -> None:
        """What is recorded only when asked for."""
        assert self.watch is not None
        if self.watch.values:
            parts["values"] = self._note("values", path, phase, ops.copy(tensor))
        if self.watch.histograms:
            parts["histogram"] = self._note("histogram", path, phase, ops.histogram(tensor))

    def _note(self, kind: Any, path: str, phase: str, tensor: Tensor, name: str = "") -> int:
        self.recorder.observe(kind, path, phase, tensor, name)
        return len(self.recorder.observations) - 1


@dataclass(frozen=True, slots=True)
class Moment:
    """When a run happened."""

    step: int = 0
    epoch: int = 0
    batch: int = 0


class Reading:
    """The numbers of one watched run, on the way to becoming LayerStats."""

    def __init__(self, loaded: Loaded) -> None:
        self.program: Program = loaded.program
        self.raw = loaded.read_observed()
        self.times: dict[tuple[str, str], int] = {}
        for span, ns in zip(self.program.spans, loaded.times_ns.tolist(), strict=True):
            path = span.path
            while path:  # a layer's time includes its children's
                self.times[path, span.phase] = self.times.get((path, span.phase), 0) + ns
                path = path.rpartition(".")[0]

    def array(self, observation: int) -> AnyArray:
        """The value of one observation, a view of this reading's own bytes."""
        found: Observation = self.program.observations[observation]
        buffer = self.program.buffers[found.buffer]
        return np.ndarray(buffer.spec.shape, buffer.spec.dtype, buffer=self.raw.data, offset=buffer.offset)

    def row(self, observation: int) -> dict[str, float]:
        """A row of `stats` by field name."""
        return dict(zip(STAT_FIELDS, self.array(observation).tolist(), strict=True))


def fill(stats: LayerStats, passed: Passed, reading: Reading, layer: Layer) -> LayerStats:
    """A copy of `stats` with everything that was measured of one pass."""
    row = reading.row(passed.parts["output"])
    is_bias = {p.name: p.is_bias for p in layer.parameters()}
    incoming = passed.parts.get("input_gradient")
    return replace(
        stats,
        time_ns=time_ns(),
        input_shape=passed.input_shape,
        output_shape=passed.output_shape,
        weight_norm=_norm_of(reading, passed, "weight.", lambda name: not is_bias[name]),
        bias_norm=_norm_of(reading, passed, "weight.", lambda name: is_bias[name]),
        gradient_norm=_norm_of(reading, passed, "gradient.", lambda name: True),
        input_gradient_norm=NOT_MEASURED if incoming is None else _honest_norm(reading.row(incoming)),
        update_ratio=_update_ratio(reading, passed),
        output_min=row["min"],
        output_max=row["max"],
        output_mean=row["mean"],
        output_std=row["std"],
        zero_fraction=row["zeros"] / max(row["count"], 1),
        dead_units=None if row["dead_units"] != row["dead_units"] else int(row["dead_units"]),
        nan_count=int(row["nan"]),
        inf_count=int(row["positive_inf"] + row["negative_inf"]),
        compute_time_ns=reading.times.get((passed.path, passed.phase)),
        histogram=_counts(reading, passed),
        output_values=reading.array(passed.parts["values"]) if "values" in passed.parts else None,
    )


def _honest_norm(row: Mapping[str, float]) -> float:
    """The norm of a row, NaN or infinite when the array holds such: a gradient that broke must not read as small."""
    if row["nan"]:
        return float("nan")
    return float("inf") if row["positive_inf"] + row["negative_inf"] else row["norm"]


def _counts(reading: Reading, passed: Passed) -> tuple[int, ...] | None:
    if "histogram" not in passed.parts:
        return None
    return tuple(int(n) for n in reading.array(passed.parts["histogram"]))


def _update_ratio(reading: Reading, passed: Passed) -> float:
    """‖update‖ / ‖weights before it‖; infinite when weights of 0 were moved."""
    if not any(name.startswith("update.") for name in passed.parts):
        return NOT_MEASURED
    moved = _norm_of(reading, passed, "update.", lambda name: True)
    norm = _norm_of(reading, passed, "before.", lambda name: True)
    return float(np.divide(moved, norm)) if moved else 0.0


def _norm_of(reading: Reading, passed: Passed, prefix: str, keep: Any) -> float:
    """√Σ norm² of the parts with a prefix, not measured when there is none."""
    norms = [
        float(reading.array(i)) for n, i in passed.parts.items() if n.startswith(prefix) and keep(n[len(prefix) :])
    ]
    return float(np.linalg.norm(np.asarray(norms, np.float64))) if norms else NOT_MEASURED
