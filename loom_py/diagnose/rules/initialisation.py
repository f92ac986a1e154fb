"""Weights that begin too large, too small, or all at zero."""

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
    """Before the first step: a layer's gain is above 10 or below 0.02, it is all zero, or outputs run away with depth.

    The gain RMS(w) · √fan_in is what a layer multiplies the scale of its inputs by; He has 1.41, Glorot about 1,
    LeCun 1, small normal weights of 0.02 have 0.08 and more. It depends on neither layer size nor data. With depth:
    the standard deviation of the last hidden layer's outputs is above 1e3 or below 0.01 times the first one's. Zero
    weights make all units of a hidden layer the same for ever; in the last layer they are a known good start and left
    out. It looks at the first pass only, if that is before the first step, and is wrong for weights that were loaded.
    """

    name = "poor_initialisation"

    def start(self) -> None:
        """The first pass has not come."""
        self._looked = False

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Look at the first forward pass."""
        if self._looked or run.phase != "forward":
            return
        self._looked = True
        if run.step > 0:
            return
        hidden = [s for s in run.leaves() if not self.structure.is_output(s.path, run.records)]
        zero = [stats.path for stats in hidden if stats.weight_norm == 0]
        gains = {stats.path: gain for stats in run.leaves() if (gain := self._gain(stats)) > 0}
        off = {path: gain for path, gain in gains.items() if not GAIN_LOW <= gain <= GAIN_HIGH}
        if zero:
            yield self._zero(run, zero)
        if off:
            yield self._off(run, off)
        if not zero and not off and (finding := self._depth(run, hidden)):
            yield finding

    def _gain(self, stats: LayerStats) -> float:
        """RMS(w) · √fan_in; 0 where there is no such thing."""
        info = self.structure.info(stats)
        if info is None or not info.unit_gain_norm or not math.isfinite(stats.weight_norm):
            return 0.0
        return stats.weight_norm / info.unit_gain_norm

    def _zero(self, run: Pass, paths: list[str]) -> Finding:
        text = "Its weights are all 0: its units can only ever learn the same thing, and nothing passes back."
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
        text = f"Its weights multiply the scale of its inputs by about {gain:.2g}; it should be near 1."
        return self._finding(path, run.step, "warning", evidence, text)

    def _depth(self, run: Pass, hidden: list[LayerStats]) -> Finding | None:
        """How the spread of the outputs changes from the first to the last hidden layer with weights."""
        layers = [stats for stats in hidden if stats.weight_norm > 0]
        if len(layers) < 2 or not layers[0].output_std > 0:
            return None
        growth = layers[-1].output_std / layers[0].output_std
        if DEPTH_LOW <= growth <= DEPTH_HIGH or math.isnan(growth):
            return None
        text = f"From layer {layers[0].path} to here the spread of the outputs changes by a factor of {growth:.1e}."
        threshold = DEPTH_HIGH if growth > 1 else DEPTH_LOW
        return self._finding(layers[-1].path, run.step, "warning", {"growth": growth, "threshold": threshold}, text)

    def _finding(
        self, path: str, step: int, severity: Severity, evidence: dict[str, float | int | str], text: str
    ) -> Finding:
        return Finding(self.name, path, step, severity, evidence, text, _SUGGESTIONS)
