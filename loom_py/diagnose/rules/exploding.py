"""Gradients, outputs or a loss that grow out of all proportion."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from statistics import median

from loom_py.diagnose.alarm import Alarm
from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule
from loom_py.diagnose.rules.relative import RelativeGradients
from loom_py.diagnose.structure import output_rms
from loom_py.events import TrainingEvent

GRADIENT = 1e3
GRADIENT_GROWTH = 30.0
GRADIENT_ALONE = 1e5
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
    """A gradient a thousand times its weights, outputs a thousand times their beginning, or a loss ten times its own.

    Gradient: ‖g‖ / ‖w‖ > 1e3 and 30 times the lowest of the layer's first 5 passes, or > 1e5 whatever it was, 2
    passes in a row. Outputs: RMS > 1e3 times the largest that any layer had in its first 5 passes, 2 in a row, and
    nothing while the loss is below its beginning (outputs may have to grow to reach large targets). Loss: the median of
    5 batches > 10 times the second lowest of the first 5, 3 in a row. All are ratios, so neither layer size nor batch
    size matters; each ends at a tenth (the loss at a half) of its threshold. Healthy classifiers measured ‖g‖ / ‖w‖ up
    to 8, a regression on targets of 300 up to 900 from the start. It is wrong for a regression whose targets are a
    million times its first outputs: scale them.
    """

    name = "exploding"
    usual_patience = 2

    def start(self) -> None:
        """Everything is as it was in the beginning."""
        self._relative = RelativeGradients()
        self._gradients = Alarm(GRADIENT, GRADIENT / 10, self.patience)
        self._outputs = Alarm(OUTPUT_GROWTH, OUTPUT_GROWTH / 10, self.patience)
        self._losses = Alarm(LOSS_GROWTH, LOSS_GROWTH / 2, 3)
        self._first_gradients: dict[str, list[float]] = {}
        self._first_outputs: dict[str, list[float]] = {}
        self._first_losses: list[float] = []
        self._last_losses: deque[float] = deque(maxlen=_BASELINE)
        self._loss_growth = math.inf

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Look at the gradients of a backward pass, or the outputs of a forward pass."""
        relative = self._relative.of(run)
        if run.phase == "backward":
            values, alarm = relative, self._gradients
            rang = [path for path, value in values.items() if alarm.update(path, self._grown(path, value))]
        else:
            values, alarm = self._output_growth(run), self._outputs
            rang = [path for path, value in values.items() if alarm.update(path, value)]
        if not rang:
            return
        # Gradients explode from the output to the input, outputs the other way: the first to ring in order of
        # execution is where it begins.
        path = rang[0]
        what = "gradient_over_weight" if run.phase == "backward" else "output_growth"
        text = (
            f"Its gradient is {values[path]:.1e} times its weights."
            if run.phase == "backward"
            else f"Its outputs are {values[path]:.1e} times as large as in the beginning."
        )
        layers = ", ".join(sorted(rang))
        yield self._finding(path, run.step, {what: values[path], "threshold": alarm.enter, "layers": layers}, text)

    def on_event(self, event: TrainingEvent) -> Iterator[Finding]:
        """Look at the loss of each batch."""
        if event.type not in ("batch_end", "anomaly") or event.loss is None or not math.isfinite(event.loss):
            return
        if len(self._first_losses) < _BASELINE:
            self._first_losses.append(event.loss)
        self._last_losses.append(event.loss)
        # The lowest may be a lucky batch of few samples, the median may be in the middle of the explosion.
        beginning = sorted(self._first_losses)[min(1, len(self._first_losses) - 1)]
        self._loss_growth = growth = median(self._last_losses) / beginning if beginning > 0 else 0.0
        if self._losses.update("loss", growth):
            evidence: dict[str, float | int | str] = {
                "loss_growth": growth,
                "threshold": LOSS_GROWTH,
                "loss": event.loss,
            }
            yield self._finding(None, event.step, evidence, f"The loss is {growth:.1e} times that of the beginning.")

    def _grown(self, path: str, relative: float) -> float:
        """The relative gradient where it has grown, else what is no alarm: 0."""
        first = _note(self._first_gradients.setdefault(path, []), relative)
        return relative if relative > GRADIENT_ALONE or relative >= GRADIENT_GROWTH * first else 0.0

    def _output_growth(self, run: Pass) -> dict[str, float]:
        """Output RMS of the innermost layers over the largest of the beginning."""
        sizes = {stats.path: output_rms(stats) for stats in run.leaves()}
        sizes = {path: rms for path, rms in sizes.items() if math.isfinite(rms)}
        beginning = [_note(self._first_outputs.setdefault(path, []), rms) for path, rms in sizes.items()]
        largest = max(beginning, default=0.0)
        falling = self._loss_growth < 1
        return {path: rms / largest if largest and not falling else 0.0 for path, rms in sizes.items()}

    def _finding(self, path: str | None, step: int, evidence: dict[str, float | int | str], text: str) -> Finding:
        return Finding(self.name, path, step, "error", evidence, text, _SUGGESTIONS)


def _note(first: list[float], value: float) -> float:
    """Add a value to the first ones while they are few; gives the lowest, 0 when there is none.

    Not their mean: a run that explodes at once must not become its own measure.
    """
    if len(first) < _BASELINE and value > 0:
        first.append(value)
    return min(first, default=0.0)
