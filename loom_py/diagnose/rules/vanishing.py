"""Vanishing gradients."""

from __future__ import annotations

from collections.abc import Iterator

from loom_py.diagnose.alarm import Alarm
from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule
from loom_py.diagnose.rules.relative import RelativeGradients, beside_last

ENTER = 1e-4
LEAVE = 1e-3
_SUGGESTIONS = (
    "ReLU or LeakyReLU instead of sigmoid or tanh",
    "residual connections",
    "layer or batch norm",
    "better initialisation",
    "neural tweening",
)


class Vanishing(Rule):
    """A layer's relative gradient ‖g‖ / ‖w‖ is below 1e-4 of the last layer's, in 3 passes in a row.

    Both norms are over the same arrays, so the size of the layer cancels; comparing layers of one pass cancels the
    scale of the loss and the progress of training (a converged network has small gradients everywhere). The threshold
    is that of ten layers with a factor of 0.4 each. Healthy networks measured at least 0.016, and 0.001 with a last
    layer that starts at zero. The alarm ends above 1e-3. A gradient of exactly 0 is blocked rather than vanishing: see
    the rules for dead units and update ratio. False positives: a layer that is meant to learn 10 000 times more slowly
    than the last.
    """

    name = "vanishing"
    follows = ("dead_relu", "saturation", "poor_initialisation")

    def start(self) -> None:
        """Start with no vanishing gradient."""
        self._relative = RelativeGradients(self.structure)
        self._alarm = Alarm(ENTER, LEAVE, self.patience)

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Compare the layers of a backward pass."""
        shares = {path: share for path, share in beside_last(self._relative.of(run)).items() if share > 0}
        raised = [path for path, share in shares.items() if self._alarm.update(path, share)]
        if not raised:
            return
        worst = min(raised, key=shares.__getitem__)
        others = sorted(path for path in shares if self._alarm.active(path))
        yield Finding(
            self.name,
            worst,
            run.step,
            "warning",
            {"relative_to_last": shares[worst], "threshold": ENTER, "layers": ", ".join(others)},
            f"Its gradient, relative to its weights, is {shares[worst]:.1e} of that of the last layer: "
            f"{'this layer hardly learns' if len(others) == 1 else f'{len(others)} layers hardly learn'}.",
            _SUGGESTIONS,
        )
