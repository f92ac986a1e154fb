"""Vanishing gradients."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from statistics import median

from loom_py.diagnose.alarm import Alarm
from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule
from loom_py.diagnose.rules.relative import RelativeGradients, beside_last
from loom_py.telemetry.events import TrainingEvent

ENTER = 1e-4
LEAVE = 1e-3
SLOW_ENTER = 1e-2
SLOW_LEAVE = 3e-2
SLOW_PATIENCE = 150
BATCHES = 20
PROGRESS = 0.05
_SUGGESTIONS = (
    "ReLU or LeakyReLU instead of sigmoid or tanh",
    "residual connections",
    "layer or batch norm",
    "better initialisation",
    "neural tweening",
)


class Vanishing(Rule):
    """A layer's relative gradient ‖g‖ / ‖w‖ is below 1e-4 of the last layer's, in 3 passes in a row.

    Or it is below 1e-2 in 150 passes in a row, while the loss has not fallen by 5 % since the start (medians of 20
    batches): the slow kind, of four to seven sigmoid layers, whose loss looks as if there were nothing to learn.

    Both norms are over the same arrays, so the size of the layer cancels; comparing layers of one pass cancels the
    scale of the loss and the progress of training (a converged network has small gradients everywhere). The threshold
    is that of ten layers with a factor of 0.4 each. Healthy networks measured at least 0.016, and 0.001 with a last
    layer that starts at zero. The alarm ends above 1e-3, that of the slow kind above 3e-2. A gradient of exactly 0 is
    blocked rather than vanishing: see the rules for dead units and update ratio. False positives: a layer that is meant
    to learn 10 000 times more slowly than the last; of the slow kind, data that can't be learnt.
    """

    name = "vanishing"
    follows = ("dead_relu", "saturation", "poor_initialisation")

    def start(self) -> None:
        """Start with no vanishing gradient."""
        self._relative = RelativeGradients(self.structure)
        self._alarm = Alarm(ENTER, LEAVE, self.patience)
        self._slow = Alarm(SLOW_ENTER, SLOW_LEAVE, SLOW_PATIENCE)
        self._first: list[float] = []
        self._recent: deque[float] = deque(maxlen=BATCHES)

    def on_event(self, event: TrainingEvent) -> Iterator[Finding]:
        """Note the loss."""
        if event.type == "batch_end" and event.loss is not None:
            if len(self._first) < BATCHES:
                self._first.append(event.loss)
            self._recent.append(event.loss)
        yield from ()

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Compare the layers of a backward pass."""
        shares = {path: share for path, share in beside_last(self._relative.of(run)).items() if share > 0}
        told = any(self._alarm.active(path) or self._slow.active(path) for path in shares)
        fast = [path for path, share in shares.items() if self._alarm.update(path, share)]
        standing = self._stands_still()
        slow = [path for path, share in shares.items() if self._slow.update(path, share if standing else 1.0)]
        if told or not (fast or slow):
            return
        worst = min(fast or slow, key=shares.__getitem__)
        others = sorted(path for path in shares if self._alarm.active(path) or self._slow.active(path))
        yield Finding(
            self.name,
            worst,
            run.step,
            "warning",
            {
                "relative_to_last": shares[worst],
                "threshold": ENTER if fast else SLOW_ENTER,
                "passes": max(self._alarm.in_a_row(worst), self._slow.in_a_row(worst)),
                "layers": ", ".join(others),
            },
            f"Its gradient, relative to its weights, is {shares[worst]:.1e} of that of the last layer: "
            f"{'this layer hardly learns' if len(others) == 1 else f'{len(others)} layers hardly learn'}"
            f"{'' if fast else f', and in {SLOW_PATIENCE} batches the loss has not fallen'}.",
            _SUGGESTIONS,
        )

    def _stands_still(self) -> bool:
        """Whether the loss is where it began."""
        if len(self._first) < BATCHES:
            return False
        return median(self._recent) > (1 - PROGRESS) * median(self._first)
