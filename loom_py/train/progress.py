"""Progress of a training run, epoch by epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from loom_py.engine.in_flight import StepResult
from loom_py.losses import divisor
from loom_py.shapes import Array
from loom_py.train.config import StopReason


@dataclass(slots=True)
class EpochSums:
    """Sums over an epoch so far."""

    weight: float = 0.0
    loss: float = 0.0
    correct: int = 0
    answers: int = 0

    def add(self, weight: float, answers: int, result: StepResult) -> None:
        """Count one step."""
        self.weight += weight
        self.loss += result.loss * divisor(weight)
        if result.correct is not None:
            self.answers += answers
            self.correct += result.correct

    @property
    def mean(self) -> float:
        """Mean loss; 0 while nothing has weight."""
        return self.loss / divisor(self.weight)

    @property
    def accuracy(self) -> float | None:
        """Share of correct answers; None without classes."""
        return self.correct / self.answers if self.answers else None


@dataclass(slots=True)
class Best:
    """The last improvement, and the best epoch's parameters.

    Attributes:
        loss: loss of the last epoch that improved by `min_delta` or more.
        waited: epochs since.
        parameters: of the epoch with the smallest loss; empty where they are not kept.
    """

    loss: float = math.inf
    waited: int = 0
    parameters: dict[str, Array] = field(default_factory=dict)


@dataclass(slots=True)
class Progress:
    """Progress of a run.

    Attributes:
        epoch: the current epoch, or the next.
        position: batches done in it.
        samples: samples processed in total.
        elapsed_s: seconds spent in total, as of the last event.
        stopped: reason of the end; None while it runs.
    """

    epoch: int = 0
    position: int = 0
    samples: int = 0
    elapsed_s: float = 0.0
    stopped: StopReason | None = None
    sums: EpochSums = field(default_factory=EpochSums)
    best: Best = field(default_factory=Best)
