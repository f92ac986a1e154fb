"""The training loop as a generator of events: `train` runs it to the end, a page runs it in slices."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from time import perf_counter, time_ns
from typing import Any

from loom_py.config.options import resolve
from loom_py.engine.anomaly import explain
from loom_py.engine.in_flight import InFlightStep, StepResult
from loom_py.engine.inputs import Feed
from loom_py.errors import StateError, uncopyable
from loom_py.interrupts import deferrable, held
from loom_py.introspect import internal
from loom_py.network.core import NetworkCore
from loom_py.schedules import Schedule, scheduled_rate
from loom_py.strict_json import decode_count
from loom_py.telemetry.events import TrainingEvent
from loom_py.train import checkpoint
from loom_py.train.checkpoint import Snapshot
from loom_py.train.config import EarlyStopping, StopReason, TrainingConfig, TrainingResult
from loom_py.train.data import Batches, check_samples
from loom_py.train.evaluation import Score, evaluate_samples
from loom_py.train.progress import EpochSums, Progress


class Trainer:
    """One training run.

    On a device that works ahead (a GPU) a few steps are in flight at a time: events then arrive that many steps late,
    each with the number of its own step; counts, snapshots and the end of an epoch wait for all of them.

    Iterate `run()` to drive it step by step: every event is yielded after the observers have received it, and leaving
    the loop early leaves the network as the last step left it. `result` is correct at any moment.
    """

    def __init__(self, net: NetworkCore, config: TrainingConfig, batches: Batches) -> None:
        """Check everything that can be checked before the first step.

        Raises:
            ShapeError, DataError: the validation data does not fit the network.
        """
        self.net, self.config, self.batches = net, config, batches
        self.options = config.options()
        self._schedule = resolve(config.schedule, Schedule)
        self._stopping = resolve(config.early_stopping, EarlyStopping)
        held_out = config.held_out()
        self.validation: Feed | None = None
        if held_out is not None:
            self.validation = check_samples(net, self.options.loss, held_out.input, held_out.target, held_out.mask)
        self.result = TrainingResult()
        self.progress = Progress()
        self.cancelled = False
        self._started = 0.0
        self._stepping = False
        self._first_epoch: int | None = None
        self._in_flight: deque[InFlightStep] = deque()
        self._completed: deque[tuple[InFlightStep, StepResult]] = deque()

    __reduce_ex__ = uncopyable("a run in progress", "save it with save_checkpoint, or copy the network")

    def cancel(self) -> None:
        """Stop after the current step; `result.stopped_because` becomes "cancelled"."""
        self.cancelled = True

    def run(self) -> Generator[TrainingEvent, None, TrainingResult]:
        """Train from the current position to the end; yields every event, returns the result.

        Raises:
            StateError: another run of the network has not ended.
            KeyboardInterrupt: Ctrl-C, at the end of a step.
        """
        with self.net.one_run(), deferrable():
            try:
                return (yield from self._epochs())
            except GeneratorExit:  # the loop around the run was left: a checkpoint may be taken, and the run continued
                raise
            except BaseException:
                self._drain()
                self._restore_best()
                raise
            finally:
                self._drain()

    def _epochs(self) -> Generator[TrainingEvent, None, TrainingResult]:
        progress = self.progress
        self._started = perf_counter() - progress.elapsed_s
        if self._first_epoch is None:
            self._first_epoch = self.net.epochs
        if self.batches.samples is not None:
            self.net.dispatcher.run_data(partial(self._run_data, self.batches.samples))
        yield self._emit("train_start")
        while progress.stopped is None and progress.epoch < self.config.epochs:
            stopped = yield from self._epoch(progress.epoch)
            if stopped is not None:
                self.result.stopped_because = stopped
                break
        self._restore_best()
        self._update_clock()
        last = self.result.loss_history[-1] if self.result.loss_history else None
        yield self._emit("train_end", epoch=max(self.result.epochs_run - 1, 0), loss=last)
        return self.result

    def _run_data(self, samples: Feed) -> object:
        from loom_py.train.facts import run_data  # imported on first use: only diagnosis takes it

        return run_data(self.net.engine, self.config, samples, self.validation)

    def _epoch(self, number: int) -> Generator[TrainingEvent, None, StopReason | None]:
        progress = self.progress
        first, overall = progress.position, (self._first_epoch or 0) + number
        feeds = islice(self.batches.epoch(overall), first, self.config.steps_per_epoch)
        opening = list(islice(feeds, 1))
        if not opening and not first:
            return "finished"  # a stream that has ended
        if first == 0:
            progress.sums = EpochSums()
            self.net.reset_states()
            yield self._emit("epoch_start", epoch=number)
        sums = progress.sums
        self.net.epochs = overall + 1
        for position, feed in enumerate(chain(opening, feeds), first):
            if not self.cancelled:
                yield from self._start(number, position, feed)
            stopped = yield from self._finish()
            if stopped is not None or self.cancelled:
                return stopped or "cancelled"
        stopped = yield from self._finish(everything=True)
        if stopped is not None:
            return stopped
        score = None if self.validation is None else self._validate()
        self._close_epoch(number, sums, score)
        yield from self._emit_incidents(epoch=number)
        if score is not None:
            yield self._emit("validation", epoch=number, loss=score.loss, accuracy=score.accuracy)
        yield self._emit("epoch_end", epoch=number, loss=sums.mean, accuracy=sums.accuracy)
        return "cancelled" if self.cancelled else progress.stopped

    def _close_epoch(self, number: int, sums: EpochSums, score: Score | None) -> None:
        """Note all results of an epoch before any event of it: a checkpoint taken then starts with the next epoch."""
        self.result.epochs_run += 1
        self.result.final_loss = sums.mean
        self.result.loss_history.append(sums.mean)
        self.result.accuracy_history.append(sums.accuracy)
        if self._update_best(sums.mean if score is None else score.loss):
            self.progress.stopped = self.result.stopped_because = "early_stopping"
        self.progress.epoch, self.progress.position = number + 1, 0
        self._update_clock()

    def _start(self, epoch: int, position: int, feed: Feed) -> Generator[TrainingEvent, None, None]:
        """Start a step, unless the run is cancelled at its announcement or an earlier one turns out to be refused."""
        rate = self.config.learning_rate
        if self._schedule is not None:
            rate = scheduled_rate(rate, self._schedule, self.result.steps + len(self._in_flight))
        yield self._emit("batch_start", epoch=epoch, batch=position, learning_rate=rate)
        while len(self._in_flight) > self.depth:
            self._complete()  # the device was changed while they were in flight
        if not self.cancelled and all(result.ok for _, result in self._completed):
            with self._in_a_step():
                self._in_flight.append(self.start_step(feed, rate, epoch, position))

    def _finish(self, *, everything: bool = False) -> Generator[TrainingEvent, None, StopReason | None]:
        """Complete the oldest steps until at most `depth` are in flight (cancelled: none), and emit their events."""
        while self._completed or len(self._in_flight) > (0 if everything or self.cancelled else self.depth):
            if not self._completed:
                self._complete()
            stopped = yield from self._emit_step(*self._completed.popleft())
            if stopped is not None:
                return stopped
        return None

    def _complete(self) -> None:
        """Complete and count the oldest step in flight; if it was refused, so were those started after it."""
        with held:
            step = self._in_flight.popleft()
            with self._in_a_step():
                result = self.finish_step(step)
            self._completed.append((step, result))
            if result.ok:
                self._count(step, result)
            else:
                self._in_flight.clear()

    def _count(self, step: InFlightStep, result: StepResult) -> None:
        self.progress.sums.add(self.options.loss.weight(step.target), self.options.loss.answers(step.target), result)
        self.progress.samples += step.batch.samples
        self.progress.position = step.info.batch + 1
        self.result.steps += 1

    def _drain(self) -> None:
        """Complete all steps in flight, so that all counts match the weights; their events are emitted later."""
        while self._in_flight:
            self._complete()

    def _emit_step(self, step: InFlightStep, result: StepResult) -> Generator[TrainingEvent, None, StopReason | None]:
        where: dict[str, Any] = {
            "epoch": step.info.epoch, "batch": step.info.batch, "loss": result.loss, "learning_rate": step.rate,
        }  # fmt: skip
        if not result.ok:
            self.result.final_loss = result.loss
            with self.net.lock:
                path, text = explain(self.net.engine, step.batch, self.options, result, step.rate)
            yield self._emit("anomaly", **where, gradient_norm=result.gradient_norm, path=path, text=text)
            return "anomaly"
        yield from self._emit_incidents(**where)
        answers = self.options.loss.answers(step.target)
        accuracy = None if result.correct is None or not answers else result.correct / answers
        facts = {**where, "step": step.info.step + 1, "gradient_norm": result.gradient_norm}
        yield self._emit("batch_end", **facts, accuracy=accuracy)
        return None

    def _emit_incidents(self, **where: Any) -> Generator[TrainingEvent, None, None]:
        for text in self.net.engine.take_incidents():
            yield self._emit("anomaly", **where, text=text)

    @contextmanager
    def _in_a_step(self) -> Iterator[None]:
        """Mark that a step is in progress: its statistics are being delivered, and counts do not match the weights."""
        self._stepping = True
        try:
            with held:
                yield
        finally:
            self._stepping = False

    @internal
    def start_step(self, feed: Feed, rate: float, epoch: int, position: int) -> InFlightStep:
        """Start one step. Another way of training overrides this, `finish_step` and `depth`."""
        return self.net.start_step(feed, rate, self.options, epoch, position)

    @internal
    def finish_step(self, step: InFlightStep) -> StepResult:
        """Results of a started step, when they arrive."""
        return self.net.finish_step(step)

    @property
    @internal
    def depth(self) -> int:
        """Number of steps that may be in flight while the next one starts."""
        return self.net.engine.executor.depth

    @property
    @internal
    def per_epoch(self) -> int | None:
        """Batches in an epoch; None where that is not known."""
        found = [n for n in (self.batches.per_epoch, self.config.steps_per_epoch) if n is not None]
        return min(found, default=None)

    def _validate(self) -> Score:
        assert self.validation is not None
        score = evaluate_samples(self.net, self.validation, self.options, self.config.batch_size)
        self.result.validation_history.append(score.loss)
        self.result.validation_accuracy_history.append(score.accuracy)
        return score

    def _update_best(self, loss: float) -> bool:
        """Note the epoch's loss; True when early stopping has waited long enough."""
        stopping, best, result = self._stopping, self.progress.best, self.result
        if math.isnan(result.best_loss) or loss < result.best_loss:
            result.best_loss = loss
            if stopping and stopping.restore_best and not math.isnan(loss):
                best.parameters = self.net.parameters()
        if loss < best.loss - (stopping.min_delta if stopping else 0.0):
            best.loss, best.waited = loss, 0
            return False
        best.waited += 1
        return stopping is not None and best.waited >= stopping.patience

    def _restore_best(self) -> None:
        if self.progress.best.parameters:
            self.net.set_parameters(self.progress.best.parameters)

    @internal
    def snapshot(self) -> Snapshot:
        """The state of the run; together with the network's parameters, enough for another run to continue from here.

        Raises:
            StateError: a step is in progress.
        """
        if self._stepping:
            raise StateError.expected(
                "checkpoint", expected="to be taken at an event of the run", got="one in the middle of a step",
                do="take it in on_training_event, or between two events of `Trainer.run`",
            )  # fmt: skip
        self._drain()
        self._update_clock()
        with self.net.lock:
            taken = checkpoint.take(self.net.engine, self.options, self.per_epoch, self.progress, self.result)
        taken.facts["first_epoch"] = self._first_epoch or 0
        return taken

    @internal
    def restore(self, snapshot: Snapshot) -> None:
        """Restore the state of a snapshot; the caller restores the network's parameters.

        Raises:
            FileFormatError: the snapshot is damaged. StateError: it belongs to another run.
        """
        first = decode_count(snapshot.facts.get("first_epoch", 0), "checkpoint first_epoch")
        self.progress, self.result = checkpoint.restore(snapshot, self.net.engine, self.options, self.per_epoch)
        self._first_epoch = first

    def _update_clock(self) -> None:
        if self._started:
            self.progress.elapsed_s = perf_counter() - self._started
        self.result.total_time_s = self.progress.elapsed_s
        self.result.samples_per_second = self.progress.samples / max(self.result.total_time_s, 1e-9)

    def _emit(self, kind: Any, **facts: Any) -> TrainingEvent:
        elapsed = max(perf_counter() - self._started, 1e-9)
        speed = self.progress.samples / elapsed if self.progress.samples else None
        done, per_epoch = self.result.steps, self.per_epoch
        left = None if not done or per_epoch is None else elapsed / done * (self.config.epochs * per_epoch - done)
        facts.setdefault("step", self.net.engine.steps)
        event = TrainingEvent(type=kind, samples_per_second=speed, eta_s=left, time_ns=time_ns(), **facts)
        self.net.dispatcher.event(event)
        return event
