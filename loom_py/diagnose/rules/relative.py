"""Gradients relative to the weights, and to those of the last layer."""

from __future__ import annotations

import math

from loom_py.diagnose.passes import Pass
from loom_py.diagnose.structure import Structure
from loom_py.telemetry.statistics import measured

_LEAST_GAIN = 0.1


class RelativeGradients:
    """‖g‖ / ‖w‖ of every layer with weights; the weight norms come from the forward passes.

    Weights near zero, such as those of a last layer that starts at zero, count as if they had a gain of 0.1: a gradient
    is not large just because the weights are still small.
    """

    def __init__(self, structure: Structure) -> None:
        """Start without weight norms."""
        self._structure = structure
        self._weights: dict[str, float] = {}

    def of(self, run: Pass) -> dict[str, float]:
        """Relative gradients of a backward pass, finite ones only, the last layer first; empty for a forward pass."""
        if run.phase == "forward":
            for path, stats in run.records.items():
                if measured(stats.weight_norm) and math.isfinite(stats.weight_norm):
                    info = self._structure.info(stats)
                    least = _LEAST_GAIN * info.unit_gain_norm if info else 0.0
                    self._weights[path] = max(stats.weight_norm, least)
            return {}
        found = {}
        for path, stats in run.records.items():
            weight = self._weights.get(path, 0.0)
            if weight > 0 and math.isfinite(stats.gradient_norm):
                found[path] = stats.gradient_norm / weight
        return found


def beside_last(relative: dict[str, float]) -> dict[str, float]:
    """Each layer's relative gradient over that of the last layer, which the backward pass reaches first."""
    reference = next((value for value in relative.values() if value > 0), 0.0)
    return {path: value / reference for path, value in relative.items()} if reference else {}
