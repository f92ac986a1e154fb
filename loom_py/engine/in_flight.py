"""Training steps under way: begun one after the other, finished in the same order, as late as the device allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loom_py.executors.base import Loaded, Results
from loom_py.telemetry.frame import RecordLayout
from loom_py.telemetry.observations import Passed


@dataclass(slots=True)
class Ready:
    """A compiled Program, loaded."""

    loaded: Loaded
    passes: Sequence[Passed]
    layout: RecordLayout | None = None
    """What its observations mean, once it was watched."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a training step leaves behind.

    Attributes:
        loss: mean loss of the batch, NaN or infinite when it diverged.
        correct: samples classified right, None where there are no classes.
        gradient_norm: L2 norm of all gradients before clipping.
        ok: whether the update was made; False when loss or gradients are not finite.
    """

    loss: float
    correct: int | None
    gradient_norm: float
    ok: bool


@dataclass(slots=True)
class Flight:
    """A step that was begun: what ran, its number, and its results, which may still be on their way.

    Attributes:
        number: of the step, from 0.
        updates: that were made before it.
        again: begins it anew, for a step that was refused because of another's.
        result: None until it is finished.
    """

    ready: Ready
    results: Results
    number: int
    updates: int
    again: Callable[[], Flight] | None = None
    result: StepResult | None = None

    def landed(self) -> StepResult:
        """What the step left; waits for it."""
        if self.result is None:
            read = self.results.read
            outputs = self.results.program.outputs
            loss = float(read("loss")) if "loss" in outputs else float("nan")
            correct = int(read("correct")) if "correct" in outputs else None
            self.result = StepResult(loss, correct, float(read("gradient_norm")), bool(read("ok")))
        return self.result
