"""The training loop, once, as a generator of events: `train` drives it to the end, a page drives it in slices."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from time import perf_counter, time_ns
from typing import Any

from loom_py.events import TrainingEvent
from loom_py.introspect import internal
from loom_py.network.anomaly import explain
from loom_py.network.core import NetworkCore
from loom_py.network.engine import StepResult
from loom_py.network.inputs import Feed
from loom_py.shapes import Array
from loom_py.train.config import StopReason, TrainingConfig, TrainingResult
from loom_py.train.data import Batches, check_samples
from loom_py.train.evaluation import Score, evaluate_samples


@dataclass(slots=True)
class _Epoch:
    """Sums over an epoch so far."""

    weight: float = 0.0
    loss: float = 0.0
    correct: int = 0
    answers: int = 0

    def add(self, weight: float, answers: int, result: StepResult) -> None:
        self.weight += weight
        self.loss += result.loss * weight
        if result.correct is not None:
            self.answers += answers
            self.correct += result.correct

    @property
    def mean(self) -> float:
        return self.loss / self.weight if self.weight else math.nan

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.answers if self.answers else None


@dataclass(slots=True)
class _Best:
    """The best epoch so far, and how long ago it was."""

    loss: float = math.inf
    waited: int = 0
    parameters: dict[str, Array] = field(default_factory=dict)


class Trainer:
    """One training run.

    Iterate `run()` to drive it step by step: every event is yielded after the observers have heard it, and leaving the
    loop early leaves the network as the last step left it. `result` is true at any moment.
    """

    def __init__(self, net: NetworkCore, config: TrainingConfig, batches: Batches) -> None:
        """Check everything that can be checked before the first step.

        Raises:
            ShapeError, DataError: the validation data does not fit the network.
        """
        self.net, self.config, self.batches = net, config, batches
        self.options = config.options()
        held_out = config.held_out()
        self.validation: Feed | None = None
        if held_out is not None:
            self.validation = check_samples(net, self.options.loss, held_out.input, held_out.target, held_out.mask)
        self.result = TrainingResult()
        self.cancelled = False
        self._samples = 0
        self._began = 0.0
        self._best = _Best()

    def cancel(self) -> None:
        """Stop after the step under way; `result.stopped_because` becomes "cancelled"."""
        self.cancelled = True

    def run(self) -> Generator[TrainingEvent, None, TrainingResult]:
        """Train; yields every event, returns the result."""
        self._began = perf_counter()
        yield self._tell("train_start")
        for number in range(self.config.epochs):
            stopped = yield from self._epoch(number)
            if stopped is not None:
                self.result.stopped_because = stopped
                break
        self._restore_best()
        self._clock()
        last = self.result.loss_history[-1] if self.result.loss_history else None
        yield self._tell("train_end", epoch=max(self.result.epochs_run - 1, 0), loss=last)
        return self.result

    def _epoch(self, number: int) -> Generator[TrainingEvent, None, StopReason | None]:
        yield self._tell("epoch_start", epoch=number)
        sums = _Epoch()
        self.net.reset_states()
        for position, feed in enumerate(self.batches.epoch(number)):
            if self.cancelled:
                return "cancelled"
            stopped = yield from self._step(number, position, feed, sums)
            if stopped is not None:
                return stopped
        self.result.epochs_run += 1
        self.result.final_loss = sums.mean
        self.result.loss_history.append(sums.mean)
        self.result.accuracy_history.append(sums.accuracy)
        watched = sums.mean
        if self.validation is not None:
            score = self._validate()
            watched = score.loss
            yield self._tell("validation", epoch=number, loss=score.loss, accuracy=score.accuracy)
        enough = self._judge(watched)
        self._clock()
        yield self._tell("epoch_end", epoch=number, loss=sums.mean, accuracy=sums.accuracy)
        if self.cancelled:
            return "cancelled"
        return "early_stopping" if enough else None

    def _step(
        self, epoch: int, position: int, feed: Feed, sums: _Epoch
    ) -> Generator[TrainingEvent, None, StopReason | None]:
        rate = self.config.learning_rate
        if self.config.schedule is not None:
            rate *= self.config.schedule.factor(self.result.steps)
        yield self._tell("batch_start", epoch=epoch, batch=position, learning_rate=rate)
        if self.cancelled:
            return "cancelled"
        result = self.advance(feed, rate, epoch, position)
        where: dict[str, Any] = {"epoch": epoch, "batch": position, "loss": result.loss, "learning_rate": rate}
        if not result.ok:
            self.result.final_loss = result.loss
            path, text = explain(self.net.engine, feed, self.options, result)
            yield self._tell("anomaly", **where, gradient_norm=result.gradient_norm, path=path, text=text)
            return "anomaly"
        assert feed.target is not None
        loss, answers = self.options.loss, self.options.loss.answers(feed.target)
        sums.add(loss.weight(feed.target), answers, result)
        self._samples += feed.samples
        self.result.steps += 1
        accuracy = None if result.correct is None or not answers else result.correct / answers
        yield self._tell("batch_end", **where, accuracy=accuracy, gradient_norm=result.gradient_norm)
        return None

    @internal
    def advance(self, feed: Feed, rate: float, epoch: int, position: int) -> StepResult:
        """Do one step; another way of training overrides this alone."""
        result: StepResult = self.net.train_step(feed, rate, self.options, epoch, position)
        return result

    def _validate(self) -> Score:
        assert self.validation is not None
        score = evaluate_samples(self.net, self.validation, self.options, self.config.batch_size)
        self.result.validation_history.append(score.loss)
        self.result.validation_accuracy_history.append(score.accuracy)
        return score

    def _judge(self, loss: float) -> bool:
        """Note the epoch's loss; True when early stopping has waited long enough."""
        stopping = self.config.early_stopping
        margin = stopping.min_delta if stopping else 0.0
        if loss < self._best.loss - margin:
            self._best.loss, self._best.waited = loss, 0
            self.result.best_loss = loss
            if stopping and stopping.restore_best:
                self._best.parameters = self.net.parameters()
            return False
        self._best.waited += 1
        return stopping is not None and self._best.waited >= stopping.patience

    def _restore_best(self) -> None:
        if self._best.parameters and self._best.waited:
            self.net.set_parameters(self._best.parameters)

    def _clock(self) -> None:
        self.result.total_time_s = perf_counter() - self._began
        self.result.samples_per_second = self._samples / max(self.result.total_time_s, 1e-9)

    def _tell(self, kind: Any, **facts: Any) -> TrainingEvent:
        elapsed = max(perf_counter() - self._began, 1e-9)
        speed = self._samples / elapsed if self._samples else None
        total = self.config.epochs * self.batches.per_epoch
        done = self.result.steps
        left = elapsed / done * (total - done) if done else None
        event = TrainingEvent(
            type=kind, step=self.net.engine.steps, samples_per_second=speed, eta_s=left, time_ns=time_ns(), **facts
        )
        self.net.dispatcher.event(event)
        return event
