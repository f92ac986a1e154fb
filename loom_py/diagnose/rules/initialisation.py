"""Initial weights that are too large, too small, or all zero."""

from __future__ import annotations

import math
from collections.abc import Iterator

from loom_py.diagnose.finding import Finding, Severity
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule
from loom_py.telemetry.events import LayerStats

GAIN_HIGH = 10.0
GAIN_LOW = 0.02
DEPTH_HIGH = 1e3
DEPTH_LOW = 1e-2
_SUGGESTIONS = (
    "He initialisation for ReLU, Glorot for tanh and sigmoid",
    "layer, RMS or batch norm",
    "residual connections",
)


class PoorInitialisation(Rule):
    """Before the first step: a gain above 10 or below 0.02, weights of zero, or outputs that grow or shrink with depth.

    The gain RMS(w) · √fan_in is the factor of a layer on the scale of its inputs: 1.41 for He, about 1 for Glorot, 1
    for LeCun, 0.08 and more for normal weights of standard deviation 0.02. It depends on neither layer size nor data.
    Depth: the standard deviation of the last hidden layer's outputs is above 1e3 or below 0.01 times that of the first.
    Zero weights keep all units of a hidden layer equal for ever; in the last layer they are a known good start and
    ignored. Only the first pass is examined, if it is before the first step. False positives: weights that were loaded.
    """

    name = "poor_initialisation"
    follows = ("dead_relu",)
    of_start = True

    def start(self) -> None:
        """Start before the first pass."""
        self._looked = False

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Examine the first forward pass."""
        if self._looked or run.phase != "forward":
            return
        self._looked = True
        if run.step > 0:
            return
        hidden = [s for s in run.leaves() if not self.structure.is_output(s.path, run.records)]
        zero = [stats.path for stats in hidden if stats.weight_norm == 0 and self.structure.has_parameters(stats)]
        gains = {stats.path: gain for stats in run.leaves() if (gain := self._gain(stats)) > 0}
        off = {path: gain for path, gain in gains.items() if not GAIN_LOW <= gain <= GAIN_HIGH}
        if zero:
            yield self._zero(run, zero)
        if off:
            yield self._off(run, off)
        if not zero and not off and (finding := self._depth(run, hidden)):
            yield finding

    def _gain(self, stats: LayerStats) -> float:
        """RMS(w) · √fan_in; 0 where it is not defined."""
        info = self.structure.info(stats)
        if info is None or not info.unit_gain_norm or not math.isfinite(stats.weight_norm):
            return 0.0
        return stats.weight_norm / info.unit_gain_norm

    def _zero(self, run: Pass, paths: list[str]) -> Finding:
        text = "Its weights are all 0: all its units learn the same, and no gradient passes back through it."
        evidence: dict[str, float | int | str] = {"weight_norm": 0.0, "layers": ", ".join(paths)}
        return self._finding(paths[0], run.step, "error", evidence, text)

    def _off(self, run: Pass, gains: dict[str, float]) -> Finding:
        path = max(gains, key=lambda p: abs(math.log(gains[p])))
        gain = gains[path]
        evidence: dict[str, float | int | str] = {
            "gain": gain,
            "threshold": GAIN_HIGH if gain > 1 else GAIN_LOW,
            "layers": ", ".join(gains),
        }
        text = f"Its weights multiply the scale of its inputs by about {gain:.2g}; the factor should be near 1."
        return self._finding(path, run.step, "warning", evidence, text)

    def _depth(self, run: Pass, hidden: list[LayerStats]) -> Finding | None:
        """Change of the outputs' standard deviation from the first to the last hidden layer with weights."""
        layers = [stats for stats in hidden if stats.weight_norm > 0]
        if len(layers) < 2 or not layers[0].output_std > 0:
            return None
        growth = layers[-1].output_std / layers[0].output_std
        if DEPTH_LOW <= growth <= DEPTH_HIGH or math.isnan(growth):
            return None
        text = (
            f"From layer {layers[0].path} to here the outputs' standard deviation changes by a factor of {growth:.1e}."
        )
        threshold = DEPTH_HIGH if growth > 1 else DEPTH_LOW
        return self._finding(layers[-1].path, run.step, "warning", {"growth": growth, "threshold": threshold}, text)

    def _finding(
        self, path: str, step: int, severity: Severity, evidence: dict[str, float | int | str], text: str
    ) -> Finding:
        return Finding(self.name, path, step, severity, evidence, text, _SUGGESTIONS)
