"""TweenTrainer: drives the tweening step, and tells what each layer's link, gap and barrier are."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter, time_ns
from typing import Any, ClassVar

import numpy as np

from loom_py.errors import DataError
from loom_py.events import TrainingEvent
from loom_py.executors.base import Loaded
from loom_py.losses import Loss, LossName, loss_and_gradient, resolve_loss
from loom_py.network.compile import StepOptions
from loom_py.network.core import NetworkCore
from loom_py.network.inputs import Feed
from loom_py.network.watching import Reading
from loom_py.optimizers import Optimizer
from loom_py.shapes import AnyArray, ArrayLike
from loom_py.train.config import TrainingResult
from loom_py.train.data import ArrayBatches, check_samples
from loom_py.tween.config import TweenConfig
from loom_py.tween.explosion import ExplosionGuard
from loom_py.tween.record import Recorded, record

HISTORY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TweenView:
    """How one layer stands to its target in one step.

    Attributes:
        path: the layer.
        link_budget: (1 + cos(activation, target)) / 2, between 0 and 1; 0.5 where one of them is almost 0. In chain
            mode a hidden target is a nudge of the activation, so hidden budgets sit near 1.
        gap: mean (activation - target)².
        depth_barrier: product of the link budgets up to this layer.
        bad_values: values on the way back that were not finite and became 0.
    """

    path: str
    link_budget: float
    gap: float
    depth_barrier: float
    bad_values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TweenStep:
    """What one step gave.

    Attributes:
        step: number of the step, from 1.
        loss: loss of the batch before the step, for comparison with backpropagation.
        accuracy: share of right classes, None where there are none.
        rate_factor: what explosion detection left of the learning rate.
        exploding: whether this step was judged to explode.
        views: every top-level layer, first to last.
    """

    step: int
    loss: float
    accuracy: float | None
    rate_factor: float
    exploding: bool
    views: tuple[TweenView, ...]


class _Velocity(Optimizer):
    """Reserves the memory that tweening keeps per parameter."""

    name: ClassVar[str] = "tween"

    def state(self) -> tuple[str, ...]:
        return ("velocity",)

    def update(self, w: Any, g: Any, state: Mapping[str, Any], rate: Any, count: Any, scale: Any, ok: Any) -> None:
        """Tweening moves the parameters itself."""


class TweenTrainer:
    """Trains a network by targets.

    On ordinary feed-forward and recurrent networks backpropagation learns faster and further; `docs/tweening.md` has
    the measurements. What tweening is for is looking: each layer's link budget, gap and depth barrier.
    """

    def __init__(
        self, net: NetworkCore, config: TweenConfig | None = None, *, loss: Loss | LossName = "cross_entropy"
    ) -> None:
        """Prepare.

        Args:
            net: the network to train.
            config: options; None takes the defaults.
            loss: what is reported beside the views, and what kind of target there is; it does not drive the training.
        """
        self.net, self.config, self.loss = net, config or TweenConfig(), resolve_loss(loss)
        self.guard = ExplosionGuard()
        self.history: deque[TweenStep] = deque(maxlen=HISTORY)
        self._options = StepOptions(self.loss, _Velocity())
        self._recorded: dict[tuple[int, ...], tuple[Recorded, Loaded, object]] = {}

    def step(self, x: ArrayLike, target: ArrayLike) -> TweenStep:
        """One step on a batch (B, …) with labels (B), class shares (B, C), or values in the output's shape.

        Raises:
            ShapeError, DataError: the data does not fit; nothing is changed.
        """
        return self._step(check_samples(self.net, self.loss, x, target))

    def fit(self, x: ArrayLike, y: ArrayLike, *, epochs: int = 1, batch_size: int = 32) -> TrainingResult:
        """Train on arrays in shuffled batches; observers hear the usual events, and an anomaly at an explosion.

        Raises:
            ShapeError, DataError: the data does not fit; nothing is changed.
        """
        samples = check_samples(self.net, self.loss, x, y)
        batches = ArrayBatches(samples, batch_size, True, self.net.seed)
        result, began = TrainingResult(), perf_counter()
        self._tell("train_start")
        for epoch in range(epochs):
            losses, right = [], []
            for number, feed in enumerate(batches.epoch(epoch)):
                done = self._step(feed)
                losses.append(done.loss * feed.samples)
                right.append((done.accuracy or 0) * feed.samples)
                result.steps += 1
                self._tell("batch_end", epoch=epoch, batch=number, loss=done.loss, accuracy=done.accuracy)
                if done.exploding:
                    self._tell("anomaly", epoch=epoch, batch=number, loss=done.loss, text=self._explosion(done))
            result.epochs_run += 1
            result.loss_history.append(math.fsum(losses) / samples.samples)
            result.accuracy_history.append(sum(right) / samples.samples if self.loss.classes else None)
            self._tell("epoch_end", epoch=epoch, loss=result.loss_history[-1], accuracy=result.accuracy_history[-1])
        result.final_loss = result.loss_history[-1] if result.loss_history else math.nan
        result.best_loss = min(result.loss_history, default=math.nan)
        result.total_time_s = perf_counter() - began
        result.samples_per_second = epochs * samples.samples / max(result.total_time_s, 1e-9)
        self._tell("train_end", epoch=max(epochs - 1, 0), loss=result.final_loss)
        return result

    def _step(self, feed: Feed) -> TweenStep:
        engine = self.net.engine
        recorded, loaded = self._program(feed.x.shape)
        assert feed.target is not None
        wanted = feed.target
        engine.write_feed(loaded, feed._replace(target=None))
        loaded.run("forward")
        output = loaded.read("output")
        target = _as_output(wanted, output)
        loss = loss_and_gradient(self.loss, output, wanted, engine.compiler.gives).loss
        loaded.write("target", target)
        loaded.run("targets")
        views = self._views(recorded, loaded)
        exploding = self.guard.update(float(np.mean([v.gap for v in views])))
        factor = self.guard.factor if self.config.explosion_detection else 1.0
        for view in views:
            loaded.write(f"rate.{view.path}", np.float32(self._rate(view, factor) / feed.samples))
        if all(math.isfinite(v.gap) for v in views):
            loaded.run("update")
        engine.steps += 1
        accuracy = float((output.argmax(-1) == target.argmax(-1)).mean()) if self.loss.classes else None
        done = TweenStep(
            step=engine.steps, loss=loss, accuracy=accuracy, rate_factor=factor, exploding=exploding, views=views
        )
        self.history.append(done)
        return done

    def _rate(self, view: TweenView, factor: float) -> float:
        rate = self.config.learning_rate * factor
        if self.config.mode == "chain":
            return rate
        return 0.0 if view.link_budget < self.config.least_budget else rate * (0.5 + 0.5 * view.link_budget)

    def _program(self, shape: tuple[int, ...]) -> tuple[Recorded, Loaded]:
        engine = self.net.engine
        engine.use(self._options)
        known = self._recorded.get(shape)
        if known is None or known[2] is not engine.memory:
            compiler = engine.compiler
            recorded = record(compiler.layers, engine.layout, engine.seed, shape, compiler.ids, self.config)
            known = (recorded, engine.executor.load(recorded.program, engine.memory), engine.memory)
            self._recorded[shape] = known
        return known[0], known[1]

    def _views(self, recorded: Recorded, loaded: Loaded) -> tuple[TweenView, ...]:
        reading, found, barrier = Reading(loaded), [], 1.0
        for path, _ in self.net.engine.compiler.layers:
            if path not in recorded.views:
                continue
            dot, a, t, gap, bad = (float(reading.array(i)) for i in recorded.views[path])
            aligned = dot / (a * t) if a * a > 1e-3 and t * t > 1e-3 else 0.0
            budget = (1 + max(-1.0, min(1.0, aligned))) / 2 if math.isfinite(aligned) else 0.5
            barrier *= budget
            found.append(TweenView(path=path, link_budget=budget, gap=gap, depth_barrier=barrier, bad_values=int(bad)))
        return tuple(found)

    def _explosion(self, done: TweenStep) -> str:
        worst = max(done.views, key=lambda v: v.gap if math.isfinite(v.gap) else math.inf)
        return (
            f"the gap to the targets grows, most at layer {worst.path} ({worst.gap:.3g}); "
            f"the rate is cut to {self.guard.factor:.0%}"
        )

    def _tell(self, kind: Any, **facts: Any) -> None:
        event = TrainingEvent(type=kind, step=self.net.engine.steps, time_ns=time_ns(), **facts)
        self.net.dispatcher.event(event)


def _as_output(wanted: AnyArray, output: AnyArray) -> AnyArray:
    """Labels as one-hot rows; values as they are."""
    if wanted.dtype.kind == "f":
        return wanted
    if output.ndim != wanted.ndim + 1:
        raise DataError.expected("target", expected=f"labels of shape {output.shape[:-1]}", got=wanted.shape)
    return np.eye(output.shape[-1], dtype=np.float32)[wanted]
