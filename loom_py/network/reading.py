"""From the numbers that a watched run leaves to LayerStats: taken out all at once, by places looked up once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt
from time import time_ns
from typing import Any

import numpy as np

from loom_py.events import NOT_MEASURED, LayerStats
from loom_py.executors.base import Results
from loom_py.layers import Layer
from loom_py.ops import STAT_FIELDS
from loom_py.program import Program
from loom_py.shapes import AnyArray, Shape

_NAN, _PLUS, _MINUS, _ZEROS, _MIN, _MAX, _MEAN, _STD, _NORM, _DEAD = range(1, 11)
assert STAT_FIELDS[_NAN] == "nan" and STAT_FIELDS[_DEAD] == "dead_units"


@dataclass(slots=True)
class Passed:
    """What is known of one layer's pass before it runs: shapes, and which observations belong to it.

    Attributes:
        parts: observations by what they are: "output", "weight.<name>", "gradient.<name>", "update.<name>", …
        facts: fields of LayerStats that are the same in every run, and which parts each norm is made of; filled in by
            `describe`.
    """

    path: str
    phase: str
    input_shape: Shape
    output_shape: Shape
    parts: dict[str, int]
    facts: dict[str, Any] = field(default_factory=dict)
    norms: dict[str, list[int]] = field(default_factory=dict)

    def describe(self, layer: Layer, /, **facts: Any) -> None:
        """Note what does not change from run to run."""
        biases = {p.name for p in layer.parameters() if p.is_bias}
        groups: dict[str, list[int]] = {}
        for part, observation in self.parts.items():
            kind, _, name = part.partition(".")
            if name:
                kind = "bias" if kind == "weight" and name in biases else kind
                groups.setdefault(kind, []).append(observation)
        self.norms = groups
        shapes = {"input_shape": self.input_shape, "output_shape": self.output_shape}
        self.facts = {"path": self.path, "phase": self.phase, **shapes, **facts}


class Index:
    """Where a Program's observations lie, so that all single numbers and all rows are taken out in two moves."""

    def __init__(self, program: Program) -> None:
        self.places: list[int] = []
        singles: list[int] = []
        rows: list[int] = []
        for observation in program.observations:
            buffer = program.buffers[observation.buffer]
            if buffer.spec.shape == () and buffer.spec.dtype == np.float32:
                self.places.append(len(singles))
                singles.append(buffer.offset // 4)
            elif buffer.spec.shape == (len(STAT_FIELDS),) and buffer.spec.dtype == np.float64:
                self.places.append(len(rows))
                rows.append(buffer.offset // 8)
            else:
                self.places.append(-1)  # values and the like, read one by one
        self.singles = np.array(singles, np.intp)
        self.rows = np.add.outer(np.array(rows, np.intp), np.arange(len(STAT_FIELDS)))
        self.spans = [
            (number, span.phase, [span.path.rsplit(".", up)[0] for up in range(span.path.count(".") + 1)])
            for number, span in enumerate(program.spans)
            if span.path
        ]


class Reading:
    """The numbers of one watched run."""

    def __init__(self, results: Results, index: Index | None = None) -> None:
        self.program = results.program
        self.raw = results.read_observed()
        self.index = index or Index(results.program)
        times = results.times_ns
        self._spans_ns = None if times is None else times.tolist()

    @cached_property
    def times(self) -> dict[tuple[str, str], int]:
        """Nanoseconds by path and phase, a layer's time includes its children's; empty where nothing was measured."""
        found: dict[tuple[str, str], int] = {}
        if self._spans_ns is None:
            return found
        for number, phase, paths in self.index.spans:
            ns = self._spans_ns[number]
            for path in paths:
                found[path, phase] = found.get((path, phase), 0) + ns
        return found

    @cached_property
    def _singles(self) -> list[float]:
        return self._whole(4).view(np.float32)[self.index.singles].tolist()  # type: ignore[no-any-return]

    @cached_property
    def _rows(self) -> list[list[float]]:
        return self._whole(8).view(np.float64)[self.index.rows].tolist()  # type: ignore[no-any-return]

    def _whole(self, size: int) -> AnyArray:
        return self.raw[: len(self.raw) // size * size]

    def array(self, observation: int) -> AnyArray:
        """The value of one observation, a view of this reading's own bytes."""
        buffer = self.program.buffers[self.program.observations[observation].buffer]
        return np.ndarray(buffer.spec.shape, buffer.spec.dtype, buffer=self.raw.data, offset=buffer.offset)

    def row(self, observation: int) -> list[float]:
        """A row of `stats`."""
        return self._rows[self.index.places[observation]]

    def norm(self, observations: Sequence[int] | None) -> float:
        """√Σ norm² of observed norms, not measured when there is none."""
        if not observations:
            return NOT_MEASURED
        places, singles = self.index.places, self._singles
        return sqrt(sum([singles[places[o]] ** 2 for o in observations]))


def fill(passed: Passed, reading: Reading, **moment: Any) -> LayerStats:
    """LayerStats of one pass that was described, from the run's numbers."""
    parts, norms = passed.parts, passed.norms.get
    row = reading.row(parts["output"])
    incoming, dead = parts.get("input_gradient"), row[_DEAD]
    return LayerStats(
        **passed.facts,
        **moment,
        time_ns=time_ns(),
        weight_norm=reading.norm(norms("weight")),
        bias_norm=reading.norm(norms("bias")),
        gradient_norm=reading.norm(norms("gradient")),
        input_gradient_norm=NOT_MEASURED if incoming is None else _honest_norm(reading.row(incoming)),
        update_ratio=_update_ratio(reading, passed.norms),
        output_min=row[_MIN],
        output_max=row[_MAX],
        output_mean=row[_MEAN],
        output_std=row[_STD],
        zero_fraction=row[_ZEROS] / max(row[0], 1),
        dead_units=None if dead != dead else int(dead),
        nan_count=int(row[_NAN]),
        inf_count=int(row[_PLUS] + row[_MINUS]),
        compute_time_ns=reading.times.get((passed.path, passed.phase)),
        histogram=_counts(reading, parts),
        output_values=reading.array(parts["values"]) if "values" in parts else None,
    )


def _honest_norm(row: Sequence[float]) -> float:
    """The norm of a row, NaN or infinite when the array holds such: a gradient that broke must not read as small."""
    if row[_NAN]:
        return float("nan")
    return float("inf") if row[_PLUS] + row[_MINUS] else row[_NORM]


def _counts(reading: Reading, parts: Mapping[str, int]) -> tuple[int, ...] | None:
    if "histogram" not in parts:
        return None
    return tuple(int(n) for n in reading.array(parts["histogram"]))


def _update_ratio(reading: Reading, norms: Mapping[str, list[int]]) -> float:
    """‖update‖ / ‖weights before it‖; infinite when weights of 0 were moved."""
    if "update" not in norms:
        return NOT_MEASURED
    moved, norm = reading.norm(norms["update"]), reading.norm(norms["before"])
    if not moved:
        return 0.0
    return moved / norm if norm else moved * float("inf")
