"""Training steps in flight: started one after the other, finished in the same order, as late as the device allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loom_py.engine.inputs import Feed
from loom_py.executors.base import Loaded, Results
from loom_py.shapes import AnyArray
from loom_py.telemetry.frame import FrameSchema
from loom_py.telemetry.instrument import StepInfo
from loom_py.telemetry.observations import LayerPass
from loom_py.telemetry.observer import Observer


@dataclass(slots=True)
class Ready:
    """A compiled Program, loaded.

    Attributes:
        passes: the layers' passes that it measures.
        schema: what its observations mean, once a frame was read.
    """

    loaded: Loaded
    passes: Sequence[LayerPass]
    schema: FrameSchema | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """Results of a training step.

    Attributes:
        loss: mean loss of the batch; NaN or infinite when it diverged.
        correct: samples classified correctly; None where there are no classes.
        gradient_norm: L2 norm of all gradients before clipping.
        ok: whether the update was made; False when loss or gradients are not finite, or would be parameters.
        infinite: parameters and optimizer state that the update would have made infinite or NaN, by name.
    """

    loss: float
    correct: int | None
    gradient_norm: float
    ok: bool
    infinite: tuple[str, ...] = ()


@dataclass(slots=True, weakref_slot=True, eq=False)
class InFlightStep:
    """A step that has started and whose results may not have arrived yet.

    Attributes:
        ready: the Program that ran.
        results: its results, maybe still on their way.
        number: of the step, from 0.
        updates: made before it.
        rate: its learning rate.
        feed: its batch; None for an update by hand.
        info: its position in training, for observers.
        listeners: the observers that were due when it started.
        spent_ns: time spent on starting it, nanoseconds.
        retry: starts it again with a check of its update, if it was refused without a fault of its own.
        result: None until the step has finished.
    """

    ready: Ready
    results: Results
    number: int
    updates: int
    rate: float
    feed: Feed | None = None
    info: StepInfo = field(default_factory=StepInfo)
    listeners: list[Observer] = field(default_factory=list)
    spent_ns: int = 0
    retry: Callable[[], InFlightStep] | None = None
    result: StepResult | None = None

    @property
    def batch(self) -> Feed:
        """Its batch."""
        assert self.feed is not None
        return self.feed

    @property
    def target(self) -> AnyArray:
        """The targets of its batch."""
        assert self.feed is not None and self.feed.target is not None
        return self.feed.target

    def wait(self) -> StepResult:
        """Its results; waits for them."""
        if self.result is None:
            read = self.results.read
            outputs = self.results.program.outputs
            loss = float(read("loss")) if "loss" in outputs else float("nan")
            correct = int(read("correct")) if "correct" in outputs else None
            self.result = StepResult(loss, correct, float(read("gradient_norm")), bool(read("ok")))
        return self.result

    def replace_by(self, other: InFlightStep) -> None:
        """Take over what another start of the same step ran and gives."""
        self.ready, self.results, self.result = other.ready, other.results, other.result
        self.number, self.updates = other.number, other.updates
