"""Gradients in proportion to the weights that they move."""

from __future__ import annotations

import math

from loom_py.diagnose.passes import Pass
from loom_py.events import measured


class RelativeGradients:
    """‖g‖ / ‖w‖ of every layer with weights; the weight norms come from the forward passes."""

    def __init__(self) -> None:
        """No weights are known yet."""
        self._weights: dict[str, float] = {}

    def of(self, run: Pass) -> dict[str, float]:
        """Relative gradients of a backward pass by path, finite ones only; empty for a forward pass."""
        for path, stats in run.records.items():
            if measured(stats.weight_norm) and math.isfinite(stats.weight_norm):
                self._weights[path] = stats.weight_norm
        if run.phase == "forward":
            return {}
        found = {}
        for path, stats in run.records.items():
            weight = self._weights.get(path, 0.0)
            if weight > 0 and math.isfinite(stats.gradient_norm):
                found[path] = stats.gradient_norm / weight
        return found
