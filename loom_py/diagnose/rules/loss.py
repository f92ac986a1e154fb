"""A loss that does not decrease."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean, median

from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule
from loom_py.telemetry.events import TrainingEvent

BATCHES = 60
PROGRESS = 0.02
CHANCE = 0.95
GOOD_ACCURACY = 0.9
_KEPT = 256


class LossNotDecreasing(Rule):
    """After 60 batches the loss has decreased by less than 2 %, or a classifier is still at chance level.

    The medians of the first and the last fifth of the batches are compared at the end of each epoch and of training.
    Chance level: after 150 batches the loss is at least 0.95 · ln(classes), where ln(classes) is the loss of uniform
    guessing. This finds labels that are unrelated to the inputs, where the loss only falls from worse than chance to
    chance. With an accuracy of 0.9 or more there is no finding: little is left to learn. The alarm ends with progress.
    False positives: a long warm-up of the learning rate, and losses without a meaningful zero that are always large.
    """

    name = "loss_not_decreasing"
    follows = (
        "nan_origin", "exploding", "vanishing", "dead_relu", "saturation", "update_ratio", "poor_initialisation",
        "learning_rate", "loss_mismatch", "unscaled_inputs",
    )  # fmt: skip
    looks_back = math.inf  # it compares with the beginning of the run

    def start(self) -> None:
        """Start without batches."""
        self._losses: list[float] = []
        self._sum: list[float] = []
        self._stride = 1
        self._batches = 0
        self._accuracies: list[float] = []
        self._classes = 0
        self._reported = False

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Read the number of classes off the last layer's outputs."""
        if run.phase == "forward":
            last = list(run.records.values())[-1]
            if self.structure.is_output(last.path, run.records) and len(last.output_shape) >= 2:
                self._classes = last.output_shape[-1]
        return iter(())

    def on_event(self, event: TrainingEvent) -> Iterator[Finding]:
        """Collect the batches; compare at the end of an epoch and of training."""
        if event.type == "batch_end" and event.loss is not None and math.isfinite(event.loss):
            self._add(event.loss)
            if event.accuracy is not None:
                self._accuracies = [*self._accuracies[-19:], event.accuracy]
        elif event.type in ("epoch_end", "train_end") and self._batches >= BATCHES:
            yield from self._evaluate(event.step)

    def _add(self, loss: float) -> None:
        """Keep at most 256 losses, each the mean of more and more batches."""
        self._batches += 1
        self._sum.append(loss)
        if len(self._sum) < self._stride:
            return
        self._losses.append(fmean(self._sum))
        self._sum = []
        if len(self._losses) == _KEPT:
            self._losses = [fmean(self._losses[i : i + 2]) for i in range(0, _KEPT, 2)]
            self._stride *= 2

    def _evaluate(self, step: int) -> Iterator[Finding]:
        fifth = max(len(self._losses) // 5, 1)
        first, last = median(self._losses[:fifth]), median(self._losses[-fifth:])
        progress = (first - last) / abs(first) if first else 0.0
        accuracy = fmean(self._accuracies) if self._accuracies else None
        chance = math.log(self._classes) if accuracy is not None and self._classes > 1 else math.inf
        stuck = progress < PROGRESS
        at_chance = chance < math.inf and last >= CHANCE * chance and self._batches >= 150
        if not (stuck or at_chance) or (accuracy is not None and accuracy >= GOOD_ACCURACY):
            self._reported = self._reported and last >= CHANCE * chance
            return
        if self._reported:
            return
        self._reported = True
        evidence: dict[str, float | int | str] = {"first": first, "last": last, "progress": progress}
        evidence |= {"batches": self._batches} | ({"chance": chance} if at_chance else {})
        text = f"The loss went from {first:.4g} to {last:.4g} in {self._batches} batches"
        if at_chance:
            text += f"; guessing gives {chance:.4g}"
        suggestions = (
            "a check that each target belongs to its input",
            "another learning rate (if too low, the loss creeps; if too high, it jumps)",
            "scaled inputs",
            "better initialisation",
        )
        yield Finding(self.name, None, step, "warning", evidence, text + ".", suggestions)
