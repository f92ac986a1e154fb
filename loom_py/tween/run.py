"""A tweening run: the loop of any training run, with steps of tweening and word of explosions."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from loom_py.engine.engine import StepResult
from loom_py.engine.inputs import Feed
from loom_py.telemetry.events import TrainingEvent
from loom_py.train.config import StopReason, TrainingConfig
from loom_py.train.data import Batches
from loom_py.train.progress import Snapshot
from loom_py.train.trainer import Begun, Trainer
from loom_py.tween.explosion import ExplosionGuard
from loom_py.tween.stepper import Stepper

TOLD_AT = (1, 5, 10)
"""Explosions in a row that are told: where the rate begins to be cut, and where it is cut harder."""


class TweenRun(Trainer):
    """A training run that tweens."""

    def __init__(self, stepper: Stepper, config: TrainingConfig, batches: Batches) -> None:
        """Check everything that can be checked before the first step.

        Raises:
            ShapeError, DataError: the validation data does not fit the network.
        """
        super().__init__(stepper.net, config, batches)
        self._stepper = stepper

    def begin(self, feed: Feed, rate: float, epoch: int, position: int) -> Callable[[], StepResult]:
        result = self._stepper.advance(feed, rate, epoch, position)
        return lambda: result

    @property
    def depth(self) -> int:
        return 0  # a step looks at its own numbers half-way

    def snapshot(self) -> Snapshot:
        taken = super().snapshot()
        return replace(taken, facts={**taken.facts, "guard": self._stepper.guard.state()})

    def restore(self, snapshot: Snapshot) -> None:
        guard = snapshot.facts.get("guard")
        ExplosionGuard().restore(guard)  # raises before anything is changed
        super().restore(snapshot)
        self._stepper.guard.restore(guard)

    def _tell_step(self, begun: Begun, result: StepResult) -> Generator[TrainingEvent, None, StopReason | None]:
        stopped = yield from super()._tell_step(begun, result)
        if stopped is None and self._stepper.history[-1].exploding and self._stepper.guard.in_a_row in TOLD_AT:
            path, text = self._explosion()
            yield self._tell("anomaly", epoch=begun.epoch, batch=begun.position, path=path, text=text)
        return stopped

    def _explosion(self) -> tuple[str, str]:
        step = self._stepper.history[-1]
        worst = max(step.views, key=lambda view: view.gap)
        text = f"the gaps between activations and targets grow, most at layer {worst.path} ({worst.gap:.3g})"
        if self._stepper.config.explosion_detection:
            text += f"; the learning rate is cut to {step.rate_factor:.0%}"
        return worst.path, text

    def _tell(self, kind: Any, **facts: Any) -> TrainingEvent:
        if math.isnan(facts.get("gradient_norm", 0)):
            del facts["gradient_norm"]  # there are no gradients of the loss
        return super()._tell(kind, **facts)
