"""Saturated tanh and sigmoid units."""

from __future__ import annotations

from collections.abc import Iterator

from loom_py.diagnose.alarm import Alarm
from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule
from loom_py.diagnose.structure import output_rms
from loom_py.telemetry.events import LayerStats

ENTER = 0.9
LEAVE = 0.8
_SUGGESTIONS = (
    "layer or batch norm before the layer",
    "smaller initial weights",
    "a lower learning rate",
    "ReLU or LeakyReLU instead",
    "scaled inputs",
)


class Saturation(Rule):
    """The mean square of tanh outputs, or of 2y − 1 for sigmoid outputs, is at least 0.9, in 3 passes in a row.

    It is 1 when every output is at a limit, where the slope is 0, and about 0.4 in a fresh network; mean and standard
    deviation are enough: E[y²] = mean² + std². At 0.9 the mean slope of tanh, 1 − E[y²], is 0.1. The alarm ends at 0.8.
    The last layer is ignored: a confident classifier saturates it rightly. The rule needs a blueprint, which names the
    activations, and does not see inside recurrent layers.
    """

    name = "saturation"
    follows = ("update_ratio", "exploding", "poor_initialisation", "unscaled_inputs")

    def start(self) -> None:
        """Start with no saturated layer."""
        self._alarm = Alarm(ENTER, LEAVE, self.patience)

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Examine the tanh and sigmoid layers of a forward pass."""
        if run.phase != "forward":
            return
        for stats in run.leaves():
            value = self._saturation(stats)
            if value is None or self.structure.is_output(stats.path, run.records):
                continue
            if self._alarm.update(stats.path, value):
                info = self.structure.info(stats)
                yield Finding(
                    self.name,
                    stats.path,
                    run.step,
                    "warning",
                    {"mean_square": value, "threshold": ENTER, "activation": info.activation or "" if info else ""},
                    f"Its outputs are at the limits of the activation (mean square {value:.3f}, at most 1): "
                    "hardly any gradient passes through.",
                    _SUGGESTIONS,
                )

    def _saturation(self, stats: LayerStats) -> float | None:
        info = self.structure.info(stats)
        if info is None or info.activation not in ("tanh", "sigmoid"):
            return None
        if info.activation == "tanh":
            return output_rms(stats) ** 2
        return (2 * stats.output_mean - 1) ** 2 + 4 * stats.output_std**2
