"""One step of tweening on checked arrays: run the Program, read the views, detect explosions, set the rates."""

from __future__ import annotations

import math
from collections import deque
from functools import partial
from time import time_ns

import numpy as np

from loom_py.engine.compile import StepOptions
from loom_py.engine.in_flight import InFlightStep, Ready, StepResult
from loom_py.engine.inputs import Feed
from loom_py.executors.base import Loaded
from loom_py.losses import Loss
from loom_py.network.core import NetworkCore
from loom_py.shapes import AnyArray
from loom_py.telemetry.events import TweenStep, TweenView
from loom_py.telemetry.instrument import StatsRequest, StepInfo
from loom_py.telemetry.observations import array_in
from loom_py.tween.config import TweenConfig, TweenOptimizer
from loom_py.tween.explosion import ExplosionGuard
from loom_py.tween.record import VIEW, record

HISTORY = 10_000
ALMOST_0 = 1e-3
"""Squared norms up to which a direction is undefined."""


class Stepper:
    """Runs the steps of a network and keeps their results.

    Attributes:
        history: the newest steps, oldest first.
    """

    def __init__(self, net: NetworkCore, config: TweenConfig, loss: Loss, guard: ExplosionGuard) -> None:
        self.net, self.config, self.loss, self.guard = net, config, loss, guard
        self.options = StepOptions(loss, TweenOptimizer())
        self.history: deque[TweenStep] = deque(maxlen=HISTORY)

    def advance(self, feed: Feed, rate: float, epoch: int = 0, batch: int = 0) -> InFlightStep:
        """Run a whole step; observers receive its layers, then the step."""
        step = self.net.run_observed(feed, partial(self._advance, feed, rate, epoch, batch), epoch, batch)
        self.net.dispatcher.tween_step(self.history[-1])
        return step

    def _advance(
        self, feed: Feed, rate: float, epoch: int, batch: int, request: StatsRequest | None
    ) -> tuple[InFlightStep, Ready]:
        engine, config = self.net.engine, self.config
        ready, info = engine.with_fallback(lambda: self._ready(feed, request)), StepInfo(engine.steps, epoch, batch)
        loaded, timed = ready.loaded, request is not None
        assert feed.target is not None
        answers = self.loss.answers(feed.target)
        with engine.buffers_kept() as keep_new:
            engine.write_feed(loaded, feed)
            loaded.run("forward", timed=timed)
            loaded.write("goal", self._goal(feed.target, loaded))
            loaded.run("targets", timed=timed)
            views = read_views(loaded)
            ok = all(math.isfinite(view.gap) for view in views)
            exploding = self.guard.update(sum(view.gap for view in views) / len(views))
            factor = self.guard.factor if config.explosion_detection else 1.0
            self._set_rates(loaded, views, rate * factor / self._answers(feed.target) if ok else 0.0)
            loaded.run("update", timed=timed)
            if ok:
                keep_new()
        engine.steps += ok
        correct = int(loaded.read("correct")) if "correct" in loaded.program.outputs else None
        result = StepResult(float(loaded.read("loss")), correct, math.nan, ok)
        accuracy = None if correct is None or not answers else correct / answers
        self.history.append(
            TweenStep(
                step=engine.steps, epoch=epoch, batch=batch, loss=result.loss, accuracy=accuracy, rate_factor=factor,
                exploding=exploding, updated=ok, views=views, time_ns=time_ns(),
            )
        )  # fmt: skip
        step = InFlightStep(ready, loaded, info.step, engine.updates, rate, feed, info, result=result)
        return step, ready

    def _ready(self, feed: Feed, request: StatsRequest | None) -> Ready:
        engine, form = self.net.engine, feed.form
        engine.use(self.options)
        return engine.ready(
            ("tween", form, self.loss, self.config, request),
            lambda: record(engine, form, self.loss, self.config, request),
        )

    def _goal(self, target: AnyArray, loaded: Loaded) -> AnyArray:
        """Target of the output: one-hot for labels, the output itself where the label is ignored."""
        if target.dtype.kind == "f":
            return target
        output = loaded.read("output")
        ignored = target == self.loss.ignored
        goal = np.eye(output.shape[-1], dtype=np.float32)[np.where(ignored, 0, target)]
        goal[ignored] = output[ignored]
        return goal

    def _answers(self, target: AnyArray) -> int:
        """Number of answers in a batch: samples, times positions where the output has them."""
        if self.loss.classes:
            return max(self.loss.answers(target), 1)
        _, last = self.net.engine.compiler.layers[-1]
        return int(target.size) // int(target.shape[-1 if last.unit_axis is None else last.unit_axis])

    def _set_rates(self, loaded: Loaded, views: tuple[TweenView, ...], rate: float) -> None:
        """Set every layer's rate: in target mode by its link budget, 0 below `least_budget`."""
        budgets = {view.path: view.link_budget for view in views}
        for name in loaded.program.inputs:
            kind, _, path = name.partition(".")
            if kind == "rate":
                share = 1.0 if self.config.mode == "chain" else 0.5 + 0.5 * budgets[path]
                lost = self.config.mode == "target" and budgets[path] < self.config.least_budget
                loaded.write(name, np.float32(0 if lost else rate * share))


def read_views(loaded: Loaded) -> tuple[TweenView, ...]:
    """The views of the layers that have a target, first to last."""
    raw = loaded.read_observed()
    parts: dict[str, dict[str, float]] = {}
    for index, observation in enumerate(loaded.program.observations):
        if observation.phase == VIEW:
            parts.setdefault(observation.path, {})[observation.name] = float(array_in(loaded.program, raw, index))
    views: list[TweenView] = []
    barrier = 1.0
    for path in sorted(parts, key=int):
        part = parts[path]
        budget = link_budget(part["dot"], part["activation"], part["target"])
        barrier *= budget
        bad = int(part["bad"])
        views.append(TweenView(path=path, link_budget=budget, gap=part["gap"], depth_barrier=barrier, bad_values=bad))
    return tuple(views)


def link_budget(dot: float, activation: float, target: float) -> float:
    """(1 + cos) / 2 from a dot product and two norms; 0.5 where a direction is undefined."""
    if not activation * activation > ALMOST_0 or not target * target > ALMOST_0:
        return 0.5
    cosine = dot / (activation * target)
    return (1 + max(-1.0, min(1.0, cosine))) / 2 if math.isfinite(cosine) else 0.5
