"""The training loop with steps of tweening, and events for explosions."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from loom_py.engine.in_flight import InFlightStep, StepResult
from loom_py.engine.inputs import Feed
from loom_py.telemetry.events import TrainingEvent
from loom_py.train.checkpoint import Snapshot
from loom_py.train.config import StopReason, TrainingConfig
from loom_py.train.data import Batches
from loom_py.train.trainer import Trainer
from loom_py.tween.explosion import ExplosionGuard
from loom_py.tween.stepper import Stepper

REPORTED_AT = (1, 5, 10)
"""Numbers of explosions in a row that are reported: those at which the learning rate is cut, or cut further."""


class TweenLoop(Trainer):
    """A training run with steps of tweening."""

    def __init__(self, stepper: Stepper, config: TrainingConfig, batches: Batches) -> None:
        """Check everything that can be checked before the first step.

        Raises:
            ShapeError, DataError: the validation data does not fit the network.
        """
        super().__init__(stepper.net, config, batches)
        self._stepper = stepper

    def start_step(self, feed: Feed, rate: float, epoch: int, position: int) -> InFlightStep:
        return self._stepper.advance(feed, rate, epoch, position)

    def finish_step(self, step: InFlightStep) -> StepResult:
        return step.wait()

    @property
    def depth(self) -> int:
        return 0  # a step reads its own views before its update

    def snapshot(self) -> Snapshot:
        taken = super().snapshot()
        return replace(taken, facts={**taken.facts, "guard": self._stepper.guard.state()})

    def restore(self, snapshot: Snapshot) -> None:
        guard = snapshot.facts.get("guard")
        ExplosionGuard().restore(guard)  # raises before anything is changed
        super().restore(snapshot)
        self._stepper.guard.restore(guard)

    def _emit_step(self, step: InFlightStep, result: StepResult) -> Generator[TrainingEvent, None, StopReason | None]:
        stopped = yield from super()._emit_step(step, result)
        if stopped is None and self._stepper.history[-1].exploding and self._stepper.guard.in_a_row in REPORTED_AT:
            path, text = self._explosion()
            yield self._emit("anomaly", epoch=step.info.epoch, batch=step.info.batch, path=path, text=text)
        return stopped

    def _explosion(self) -> tuple[str, str]:
        step = self._stepper.history[-1]
        worst = max(step.views, key=lambda view: view.gap)
        text = f"the gaps between activations and targets grow, most at layer {worst.path} ({worst.gap:.3g})"
        if self._stepper.config.explosion_detection:
            text += f"; the learning rate is cut to {step.rate_factor:.0%}"
        return worst.path, text

    def _emit(self, kind: Any, **facts: Any) -> TrainingEvent:
        if math.isnan(facts.get("gradient_norm", 0)):
            del facts["gradient_norm"]  # tweening has no gradient of the loss
        return super()._emit(kind, **facts)
