"""Updates that are too large or too small relative to the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

from loom_py.diagnose.alarm import Alarm
from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule

HIGH = 0.5
HUGE = 2.0
FROZEN = 1e-6
_TOO_FAST = ("a lower learning rate", "gradient clipping", "a warm-up of the learning rate")
_TOO_SLOW = (
    "residual connections",
    "better initialisation",
    "ReLU or LeakyReLU instead of sigmoid or tanh",
    "LeakyReLU instead of ReLU where units are dead",
)


class UpdateRatio(Rule):
    """A layer's update ratio is above 0.5, or below a millionth of the largest among the layers.

    ‖update‖ / ‖weights‖ is about 1e-3 in healthy training (A. Karpathy, CS231n notes, "Ratio of weights:updates");
    healthy runs measured between 2e-5 and 0.26. High: > 0.5 in 5 passes in a row, or > 2 once; a layer that starts at
    zero has a ratio of 1 in its second step. The alarm ends below 0.2. Frozen: < 1e-6 of the largest ratio among the
    layers (relative, since a schedule may make all of them small), in 5 passes in a row; the alarm ends above 1e-5.
    Passes without any update are ignored. The rule needs observed training steps. False positives: layers that are
    frozen on purpose; the explanation mentions them.
    """

    name = "update_ratio"
    follows = ("dead_relu", "saturation", "vanishing", "poor_initialisation", "exploding", "unscaled_inputs")
    usual_patience = 5

    def start(self) -> None:
        """Start with all layers learning."""
        self._high = Alarm(HIGH, 0.2, self.patience)
        self._huge = Alarm(HUGE, 0.2, 1)
        self._frozen = Alarm(FROZEN, FROZEN * 10, self.patience)

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Examine the updates after a backward pass."""
        # The first update of weights of 0 has an infinite ratio.
        ratios = {path: s.update_ratio for path, s in run.records.items() if math.isfinite(s.update_ratio)}
        if not ratios:
            return
        largest = max(ratios, key=ratios.__getitem__)
        high = [path for path, ratio in ratios.items() if self._is_high(path, ratio)]
        if high:
            ratio = ratios[max(high, key=ratios.__getitem__)]
            text = f"One update is {ratio:.2g} times as large as the weights: it overwrites what they have learnt."
            yield self._finding(run, max(high, key=ratios.__getitem__), high, ratios, HIGH, text, _TOO_FAST)
        if ratios[largest] == 0:
            return
        frozen = [path for path, ratio in ratios.items() if self._frozen.update(path, ratio / ratios[largest])]
        if frozen:
            worst = min(frozen, key=ratios.__getitem__)
            text = f"A step changes its weights by {ratios[worst]:.1e} of their size, those of layer {largest} by "
            text += f"{ratios[largest]:.1e}: the layer does not learn. Ignore this if it is frozen on purpose."
            yield self._finding(run, worst, frozen, ratios, FROZEN, text, _TOO_SLOW)

    def _is_high(self, path: str, ratio: float) -> bool:
        raised = self._high.active(path) or self._huge.active(path)
        now = (self._high.update(path, ratio), self._huge.update(path, ratio))
        return any(now) and not raised

    def _finding(
        self,
        run: Pass,
        path: str,
        layers: list[str],
        ratios: dict[str, float],
        threshold: float,
        text: str,
        suggestions: tuple[str, ...],
    ) -> Finding:
        evidence: dict[str, float | int | str] = {
            "update_ratio": ratios[path],
            "largest": max(ratios.values()),
            "threshold": threshold,
            "layers": ", ".join(layers),
        }
        return Finding(self.name, path, run.step, "warning", evidence, text, suggestions)
