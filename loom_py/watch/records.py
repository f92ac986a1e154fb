"""The records of one step of a PyTorch model, from what its hooks kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from time import time_ns
from typing import TYPE_CHECKING, Any

from loom_py.ops.stats import STAT_FIELDS
from loom_py.telemetry.events import LayerStats, ParameterStats, Phase
from loom_py.telemetry.statistics import LAYER_STATISTICS, NOT_MEASURED, FromRow
from loom_py.watch.arrays import ParameterNorms, ratio, stats_of, total
from loom_py.watch.layers import WatchedLayer
from loom_py.watch.rows import Row, read_all

if TYPE_CHECKING:
    from torch import Tensor


class StepReader:
    """Reads all numbers of a step from their devices at once, and makes records of them."""

    def __init__(self, ran: list[WatchedLayer], backward: list[WatchedLayer], norms: ParameterNorms) -> None:
        self._forward, self._backward = [layer for layer in ran if layer.forward is not None], backward
        self._tensors: list[Tensor] = []
        rows = [row for layer in self._forward for row in (layer.forward, layer.backward) if row is not None]
        places = {row: self._add(row.tensors()) for row in rows}
        parameters = {p for layer in ran for p in layer.parameters.values()}
        norm_places = {p: [None if t is None else self._add([t])[0] for t in norms.tensors(p)] for p in parameters}
        numbers = read_all(self._tensors)
        self._rows = {row: row.read([numbers[place] for place in places[row]]) for row in rows}
        self._norms = {
            p: tuple(NOT_MEASURED if place is None else numbers[place] for place in found)
            for p, found in norm_places.items()
        }

    def _add(self, tensors: list[Tensor]) -> range:
        start = len(self._tensors)
        self._tensors += tensors
        return range(start, len(self._tensors))

    @property
    def gradient_norm(self) -> float:
        """L2 norm of all gradients before clipping."""
        return total(gradient for _, gradient, _ in self._norms.values())

    def records(self, **place: Any) -> Iterable[LayerStats]:
        """Records of the forward pass in order of execution, then of the backward pass.

        Args:
            place: fields of the step: step, epoch, batch.
        """
        now = time_ns()
        for layer in self._forward:
            assert layer.forward is not None
            yield self._record(layer, "forward", layer.forward, time_ns=now, **place)
        for layer in self._backward:
            if layer.backward is not None:
                yield self._record(layer, "backward", layer.backward, time_ns=now, **place)

    def _record(self, layer: WatchedLayer, phase: Phase, row: Row, **place: Any) -> LayerStats:
        arrays = {name: self._norms[p] for name, p in layer.parameters.items() if p.requires_grad}
        frozen = {name: self._norms[p] for name, p in layer.parameters.items() if not p.requires_grad}
        named = arrays | frozen
        record = LayerStats(
            **layer.facts(), phase=phase, **place, **statistics_of(self._rows[row]),
            weight_norm=total([weight for name, (weight, _, _) in named.items() if not _is_bias(name)] or [0.0]),
            bias_norm=total([weight for name, (weight, _, _) in named.items() if _is_bias(name)] or [0.0]),
            parameters={name: _array(phase, *norms) for name, norms in arrays.items()},
            histogram=None if row.histogram is None else tuple(int(count) for count in row.histogram),
            output_values=row.values,
        )  # fmt: skip
        if phase == "forward":
            return replace(record, compute_time_ns=layer.time_ns)
        moved = [update for _, _, update in arrays.values() if update is not NOT_MEASURED]
        return replace(
            record,
            gradient_norm=total(gradient for _, gradient, _ in arrays.values()),
            update_ratio=ratio(total(moved), total(w for w, _, _ in arrays.values())) if moved else NOT_MEASURED,
        )


def statistics_of(row: dict[str, float]) -> dict[str, Any]:
    """The statistics of a layer that come from the row of its output, by their declarations."""
    assert set(row) == set(STAT_FIELDS)
    found: dict[str, Any] = {}
    for statistic in LAYER_STATISTICS:
        source = statistic.source
        if isinstance(source, FromRow) and source.array == "output":
            value = sum(row[name] for name in source.fields)
            value = value / row["count"] if source.share and row["count"] else value
            found[statistic.name] = (None if value != value else int(value)) if statistic.whole else float(value)
    return found


def _array(phase: Phase, weight: float, gradient: float, update: float) -> ParameterStats:
    return stats_of(weight, gradient, update) if phase == "backward" else ParameterStats(weight_norm=weight)


def _is_bias(name: str) -> bool:
    return "bias" in name
