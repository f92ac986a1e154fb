"""Overfitting: validation results that get worse while training results get better."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from statistics import median

from loom_py.diagnose.finding import Finding, Severity
from loom_py.diagnose.rules.base import Rule
from loom_py.telemetry.events import TrainingEvent

RISE = 1.3
STRONG_RISE = 2.0
END = 1.1
ACCURACY_LOST = 0.02
ACCURACY_GAP = 0.2
_WINDOW = 5


class Overfitting(Rule):
    """The validation loss stays 30 % above its best for nine evaluations, or the accuracies diverge.

    The best is the lowest median of 5 evaluations in a row. All of the last 5 must be above it, 5 times in a row, since
    few validation samples make a noisy loss. Severity: "warning" when the loss has doubled or the validation accuracy
    is 0.02 below its best, else "info", since an overconfident classifier has a rising loss at the same accuracy.
    Diverging accuracies: the training accuracy is 0.2 above the validation accuracy (medians of 5), in 5 evaluations in
    a row. The alarm ends within 10 % of the best. False positives: validation data of another kind than the training
    data.
    """

    name = "overfitting"
    usual_patience = 5

    def start(self) -> None:
        """Start without evaluations."""
        self._losses: deque[float] = deque(maxlen=_WINDOW)
        self._accuracies: deque[float] = deque(maxlen=_WINDOW)
        self._trainings: deque[float] = deque(maxlen=_WINDOW)
        self._training_accuracies: deque[float] = deque(maxlen=_WINDOW)
        self._best = self._best_training = math.inf
        self._best_step = 0
        self._best_accuracy = 0.0
        self._high = 0
        self._level: Severity | None = None

    def on_event(self, event: TrainingEvent) -> Iterator[Finding]:
        """Collect the losses of epochs and validations; compare when both are there."""
        if event.loss is None or not math.isfinite(event.loss):
            return
        if event.type == "validation":
            self._losses.append(event.loss)
            if event.accuracy is not None:
                self._accuracies.append(event.accuracy)
        elif event.type == "epoch_end" and self._losses:
            self._trainings.append(event.loss)
            if event.accuracy is not None:
                self._training_accuracies.append(event.accuracy)
            if len(self._losses) == _WINDOW:
                yield from self._evaluate(event.step)

    def _evaluate(self, step: int) -> Iterator[Finding]:
        loss, training = median(self._losses), median(self._trainings)
        accuracy = median(self._accuracies) if self._accuracies else 0.0
        self._best_accuracy = max(self._best_accuracy, accuracy)
        if loss < self._best:
            self._best, self._best_step, self._best_training = loss, step, training
        rise = loss / self._best if self._best > 0 else 1.0
        gap = median(self._training_accuracies) - accuracy if self._training_accuracies and self._accuracies else 0.0
        parted = gap >= ACCURACY_GAP
        rising = min(self._losses) >= RISE * self._best and training < self._best_training
        if rise < END and not parted:
            self._level = None
        self._high = self._high + 1 if rising or parted else 0
        if self._high < self.patience:
            return
        lost = bool(self._accuracies) and self._best_accuracy - accuracy >= ACCURACY_LOST
        serious = rise >= STRONG_RISE or lost or parted or not self._accuracies
        level: Severity = "warning" if serious else "info"
        if self._level not in (level, "warning"):
            self._level = level
            yield self._finding(step, level, loss, training, gap)

    def _finding(self, step: int, level: Severity, loss: float, training: float, gap: float) -> Finding:
        evidence: dict[str, float | int | str] = {
            "validation_loss": loss,
            "best_validation_loss": self._best,
            "best_step": self._best_step,
            "training_loss": training,
            "accuracy_gap": gap,
            "threshold": RISE,
        }
        text = (
            f"The validation loss was {self._best:.4g} around step {self._best_step} and is {loss:.4g} now; "
            f"the training loss is {training:.4g}."
        )
        if gap >= ACCURACY_GAP:
            text += f" The training accuracy is {gap:.2f} above the validation accuracy."
        suggestions = ("early stopping", "dropout", "weight decay", "more data", "a smaller network")
        return Finding(self.name, None, step, level, evidence, text, suggestions)
