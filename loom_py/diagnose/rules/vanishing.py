"""Gradients that vanish on their way to the first layers."""

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
    """A layer's relative gradient ‖g‖ / ‖w‖ is below 1e-4 of the last layer's, 3 passes in a row.

    Both norms are over the same arrays, so the size of the layer cancels, and comparing layers of one pass cancels the
    scale of the loss and how far training has come (a converged network has small gradients everywhere). The threshold
    is that of ten layers at a factor of 0.4 each; healthy networks measured 0.016 and more, 0.001 right after a last
    layer of zeros. It ends above 1e-3. A gradient of exactly 0 is not vanishing but cut off: see dead units and update
    ratio. It is wrong when a layer is meant to learn ten thousand times more slowly than the last.
    """

    name = "vanishing"

    def start(self) -> None:
        """No layer is below."""
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
            f"The gradient here is {shares[worst]:.1e} of the last layer's, in proportion to the weights: "
            f"{'this layer hardly learns' if len(others) == 1 else f'{len(others)} layers hardly learn'}.",
            _SUGGESTIONS,
        )
