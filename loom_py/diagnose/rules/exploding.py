"""Exploding gradients, outputs or loss."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from statistics import median

from loom_py.diagnose.alarm import Alarm
from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule
from loom_py.diagnose.rules.relative import RelativeGradients, beside_last
from loom_py.diagnose.structure import output_rms
from loom_py.telemetry.events import TrainingEvent

GRADIENT = 1e3
GRADIENT_GROWTH = 30.0
BESIDE_LAST = 1e3
BESIDE_LAST_ONCE = 1e4
OUTPUT_GROWTH = 1e3
LOSS_GROWTH = 10.0
_BASELINE = 5
_SUGGESTIONS = (
    "gradient clipping",
    "a lower learning rate",
    "better weight initialisation",
    "layer, RMS or batch norm",
    "neural tweening, which detects explosions",
)


class Exploding(Rule):
    """A gradient 1000 times its weights, outputs 1000 times their first size, or a loss 10 times its first value.

    Gradient: ‖g‖ / ‖w‖ is > 1e3 times that of the last layer (the gradient grows on its way back), or > 1e3 and 30
    times the lowest of the layer's first 5 passes, in 2 passes in a row; > 1e4 times that of the last layer is enough
    once. Outputs: RMS > 1e3 times the largest of any layer in its first 5 passes, in 2 passes in a row. Growth over
    time, of gradients and outputs, counts only while the loss is at least its first value: outputs may have to grow to
    reach large targets. Loss: the median of 5 batches is > 10 times the second lowest of the first 5, 3 times in a row.

    All are ratios, so neither layer size nor batch size matters. An alarm ends at a tenth of its threshold, that of the
    loss at a half. Healthy networks measured at most 34 times the last layer. False positives: without training events,
    which carry the loss, a regression with targets thousands of times larger than its first outputs; scale the targets.
    """

    name = "exploding"
    follows = ("update_ratio", "poor_initialisation", "unscaled_inputs")
    usual_patience = 2

    def start(self) -> None:
        """Start without baselines."""
        self._relative = RelativeGradients(self.structure)
        self._gradients = Alarm(GRADIENT, GRADIENT / 10, self.patience)
        self._beside_last = Alarm(BESIDE_LAST, BESIDE_LAST / 10, self.patience)
        self._beside_last_once = Alarm(BESIDE_LAST_ONCE, BESIDE_LAST / 10, 1)
        self._outputs = Alarm(OUTPUT_GROWTH, OUTPUT_GROWTH / 10, self.patience)
        self._losses = Alarm(LOSS_GROWTH, LOSS_GROWTH / 2, 3)
        self._first_gradients: dict[str, list[float]] = {}
        self._first_outputs: dict[str, list[float]] = {}
        self._first_losses: list[float] = []
        self._last_losses: deque[float] = deque(maxlen=_BASELINE)
        self._loss_growth = math.inf

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Examine the gradients of a backward pass, or the outputs of a forward pass."""
        relative = self._relative.of(run)
        if run.phase == "forward":
            growth = self._output_growth(run)
            raised = [path for path, value in growth.items() if self._outputs.update(path, value)]
            text = "Its outputs are {:.1e} times the largest of the first passes."
            yield from self._first(run, raised, growth, "output_growth", OUTPUT_GROWTH, text)
            return
        beside = beside_last(relative)
        raised = [path for path, value in beside.items() if self._is_beside(path, value)]
        text = (
            "Its gradient, relative to its weights, is {:.1e} times that of the last layer: it grows on its way back."
        )
        yield from self._first(run, raised[-1:], beside, "relative_to_last", BESIDE_LAST, text)
        if not raised:
            raised = [
                path for path, value in relative.items() if self._gradients.update(path, self._grown(path, value))
            ]
            text = "The norm of its gradient is {:.1e} times that of its weights."
            yield from self._first(run, raised, relative, "gradient_over_weight", GRADIENT, text)

    def _first(
        self, run: Pass, raised: list[str], values: dict[str, float], what: str, threshold: float, text: str
    ) -> Iterator[Finding]:
        """One finding for all layers with a new alarm, at the first of `raised`."""
        if raised:
            value = values[raised[0]]
            evidence: dict[str, float | int | str] = {what: value, "threshold": threshold, "layers": ", ".join(raised)}
            yield self._finding(raised[0], run.step, evidence, text.format(value))

    def _is_beside(self, path: str, value: float) -> bool:
        raised = self._beside_last.active(path) or self._beside_last_once.active(path)
        now = (self._beside_last.update(path, value), self._beside_last_once.update(path, value))
        return any(now) and not raised

    def on_event(self, event: TrainingEvent) -> Iterator[Finding]:
        """Examine the loss of each batch."""
        if event.type not in ("batch_end", "anomaly") or event.loss is None or not math.isfinite(event.loss):
            return
        if len(self._first_losses) < _BASELINE:
            self._first_losses.append(event.loss)
        self._last_losses.append(event.loss)
        # The lowest may be a lucky batch of few samples; the median may already belong to the explosion.
        beginning = sorted(self._first_losses)[min(1, len(self._first_losses) - 1)]
        self._loss_growth = growth = median(self._last_losses) / beginning if beginning > 0 else 0.0
        if self._losses.update("loss", growth):
            evidence: dict[str, float | int | str] = {
                "loss_growth": growth,
                "threshold": LOSS_GROWTH,
                "loss": event.loss,
            }
            yield self._finding(None, event.step, evidence, f"The loss is {growth:.1e} times its first value.")

    def _grown(self, path: str, relative: float) -> float:
        """The relative gradient if it has grown, else 0, which raises no alarm."""
        first = _note(self._first_gradients.setdefault(path, []), relative)
        return relative if relative >= GRADIENT_GROWTH * first and self._loss_growth >= 1 else 0.0

    def _output_growth(self, run: Pass) -> dict[str, float]:
        """Output RMS of the innermost layers over the largest of the first passes."""
        sizes = {stats.path: output_rms(stats) for stats in run.leaves()}
        sizes = {path: rms for path, rms in sizes.items() if math.isfinite(rms)}
        beginning = [_note(self._first_outputs.setdefault(path, []), rms) for path, rms in sizes.items()]
        largest = max(beginning, default=0.0)
        falling = self._loss_growth < 1
        return {path: rms / largest if largest and not falling else 0.0 for path, rms in sizes.items()}

    def _finding(self, path: str | None, step: int, evidence: dict[str, float | int | str], text: str) -> Finding:
        return Finding(self.name, path, step, "error", evidence, text, _SUGGESTIONS)


def _note(first: list[float], value: float) -> float:
    """Add a value to the first ones while they are fewer than 5; returns the lowest, 0 when there is none.

    The lowest rather than the mean: a run that explodes at once must not raise its own baseline.
    """
    if len(first) < _BASELINE and value > 0:
        first.append(value)
    return min(first, default=0.0)
