"""The training loop, once, as a generator of events: `train` drives it to the end, a page drives it in slices."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from time import perf_counter, time_ns
from typing import Any

from loom_py.config.options import resolve
from loom_py.engine.anomaly import explain
from loom_py.engine.engine import StepResult
from loom_py.engine.inputs import Feed
from loom_py.errors import FileFormatError, StateError
from loom_py.introspect import internal
from loom_py.network.core import NetworkCore
from loom_py.schedules import Schedule
from loom_py.telemetry.events import TrainingEvent
from loom_py.train.begun import Begun as Begun
from loom_py.train.config import EarlyStopping, StopReason, TrainingConfig, TrainingResult
from loom_py.train.data import Batches, check_samples
from loom_py.train.evaluation import Score, evaluate_samples
from loom_py.train.progress import EpochSums, Progress, Snapshot, plain_progress, read_progress


class Trainer:
    """One training run.

    On a device that works ahead (a GPU) a few steps are under way at a time: events then come that many steps late,
    each with its own step's number; counts, snapshots and the end of an epoch wait for all of them.

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
        self._schedule = resolve(config.schedule, Schedule)
        self._stopping = resolve(config.early_stopping, EarlyStopping)
        held_out = config.held_out()
        self.validation: Feed | None = None
        if held_out is not None:
            self.validation = check_samples(net, self.options.loss, held_out.input, held_out.target, held_out.mask)
        self.result = TrainingResult()
        self.progress = Progress()
        self.cancelled = False
        self._began = 0.0
        self._stepping = False
        self._flying: deque[Begun] = deque()
        self._landed: deque[tuple[Begun, StepResult]] = deque()

    def cancel(self) -> None:
        """Stop after the step under way; `result.stopped_because` becomes "cancelled"."""
        self.cancelled = True

    def run(self) -> Generator[TrainingEvent, None, TrainingResult]:
        """Train from where the run stands to its end; yields every event, returns the result."""
        try:
            return (yield from self._run())
        finally:
            self._settle()

    def _run(self) -> Generator[TrainingEvent, None, TrainingResult]:
        progress = self.progress
        self._began = perf_counter() - progress.elapsed_s
        yield self._tell("train_start")
        while progress.stopped is None and progress.epoch < self.config.epochs:
            stopped = yield from self._epoch(progress.epoch)
            if stopped is not None:
                self.result.stopped_because = stopped
                break
        self._restore_best()
        self._clock()
        last = self.result.loss_history[-1] if self.result.loss_history else None
        yield self._tell("train_end", epoch=max(self.result.epochs_run - 1, 0), loss=last)
        return self.result

    def _epoch(self, number: int) -> Generator[TrainingEvent, None, StopReason | None]:
        progress = self.progress
        if progress.position == 0:
            progress.sums = EpochSums()
            self.net.reset_states()
            yield self._tell("epoch_start", epoch=number)
        start, sums = progress.position, progress.sums
        for position, feed in enumerate(islice(self.batches.epoch(number), start, None), start):
            if not self.cancelled:
                yield from self._begin(number, position, feed)
            stopped = yield from self._finish()
            if stopped is not None or self.cancelled:
                return stopped or "cancelled"
        stopped = yield from self._finish(all_of_them=True)
        if stopped is not None:
            return stopped
        score = None if self.validation is None else self._validate()
        self._close_epoch(number, sums, score)
        yield from self._tell_incidents(epoch=number)
        if score is not None:
            yield self._tell("validation", epoch=number, loss=score.loss, accuracy=score.accuracy)
        yield self._tell("epoch_end", epoch=number, loss=sums.mean, accuracy=sums.accuracy)
        return "cancelled" if self.cancelled else progress.stopped

    def _close_epoch(self, number: int, sums: EpochSums, score: Score | None) -> None:
        """Note all that an epoch gave before anything of it is told: a checkpoint taken then begins with the next."""
        self.result.epochs_run += 1
        self.result.final_loss = sums.mean
        self.result.loss_history.append(sums.mean)
        self.result.accuracy_history.append(sums.accuracy)
        if self._judge(sums.mean if score is None else score.loss):
            self.progress.stopped = self.result.stopped_because = "early_stopping"
        self.progress.epoch, self.progress.position = number + 1, 0
        self._clock()

    def _begin(self, epoch: int, position: int, feed: Feed) -> Generator[TrainingEvent, None, None]:
        """Begin a step, unless the run is cancelled when it is announced, or one before it turns out to be refused."""
        rate = self.config.learning_rate
        if self._schedule is not None:
            rate *= self._schedule.factor(self.result.steps + len(self._flying))
        yield self._tell("batch_start", epoch=epoch, batch=position, learning_rate=rate)
        while len(self._flying) > self.depth:
            self._land()  # the device was changed while they were under way
        if not self.cancelled and all(result.ok for _, result in self._landed):
            with self._in_a_step():
                finish = self.begin(feed, rate, epoch, position)
            self._flying.append(Begun(epoch, position, feed, rate, self.net.engine.steps, finish))

    def _finish(self, *, all_of_them: bool = False) -> Generator[TrainingEvent, None, StopReason | None]:
        """Finish the oldest steps until no more than `depth` are under way (cancelled: none), and tell of each."""
        while self._landed or len(self._flying) > (0 if all_of_them or self.cancelled else self.depth):
            if not self._landed:
                self._land()
            stopped = yield from self._tell_step(*self._landed.popleft())
            if stopped is not None:
                return stopped
        return None

    def _land(self) -> None:
        """Finish the oldest step under way and count it; when it was refused, those begun after it were too."""
        begun = self._flying.popleft()
        with self._in_a_step():
            result = begun.finish()
        self._landed.append((begun, result))
        if not result.ok:
            self._flying.clear()
            return
        target = begun.target
        self.progress.sums.add(self.options.loss.weight(target), self.options.loss.answers(target), result)
        self.progress.samples += begun.feed.samples
        self.progress.position = begun.position + 1
        self.result.steps += 1

    def _settle(self) -> None:
        """Finish all steps under way, so that all counts are those of the weights; they are told of later."""
        while self._flying:
            self._land()

    def _tell_step(self, begun: Begun, result: StepResult) -> Generator[TrainingEvent, None, StopReason | None]:
        where: dict[str, Any] = {
            "epoch": begun.epoch, "batch": begun.position, "loss": result.loss, "learning_rate": begun.rate,
        }  # fmt: skip
        if not result.ok:
            self.result.final_loss = result.loss
            path, text = explain(self.net.engine, begun.feed, self.options, result)
            yield self._tell("anomaly", **where, gradient_norm=result.gradient_norm, path=path, text=text)
            return "anomaly"
        yield from self._tell_incidents(**where)
        answers = self.options.loss.answers(begun.target)
        accuracy = None if result.correct is None or not answers else result.correct / answers
        facts = {**where, "step": begun.step, "gradient_norm": result.gradient_norm}
        yield self._tell("batch_end", **facts, accuracy=accuracy)
        return None

    def _tell_incidents(self, **where: Any) -> Generator[TrainingEvent, None, None]:
        for text in self.net.engine.take_incidents():
            yield self._tell("anomaly", **where, text=text)

    @contextmanager
    def _in_a_step(self) -> Iterator[None]:
        """While a step is under work its statistics are told, and counts are not yet those of the weights."""
        self._stepping = True
        try:
            yield
        finally:
            self._stepping = False

    @internal
    def begin(self, feed: Feed, rate: float, epoch: int, position: int) -> Callable[[], StepResult]:
        """Begin one step; what is given back finishes it. Another way of training overrides this and `depth`."""
        under_way = self.net.begin_step(feed, rate, self.options, epoch, position)
        return lambda: self.net.finish_step(under_way)

    @property
    @internal
    def depth(self) -> int:
        """How many steps may be under way while the next one is begun."""
        return self.net.engine.executor.depth

    def _validate(self) -> Score:
        assert self.validation is not None
        score = evaluate_samples(self.net, self.validation, self.options, self.config.batch_size)
        self.result.validation_history.append(score.loss)
        self.result.validation_accuracy_history.append(score.accuracy)
        return score

    def _judge(self, loss: float) -> bool:
        """Note the epoch's loss; True when early stopping has waited long enough."""
        stopping, best = self._stopping, self.progress.best
        margin = stopping.min_delta if stopping else 0.0
        if loss < best.loss - margin:
            best.loss, best.waited = loss, 0
            self.result.best_loss = loss
            if stopping and stopping.restore_best:
                best.parameters = self.net.parameters()
            return False
        best.waited += 1
        return stopping is not None and best.waited >= stopping.patience

    def _restore_best(self) -> None:
        best = self.progress.best
        if best.parameters and best.waited:
            self.net.set_parameters(best.parameters)

    @internal
    def snapshot(self) -> Snapshot:
        """All that, with the network's parameters, makes another run go on from here.

        Raises:
            StateError: it is asked for in the middle of a step.
        """
        if self._stepping:
            raise StateError.expected(
                "checkpoint", expected="to be taken at an event of the run", got="one in the middle of a step",
                do="take it in on_training_event, or between two events of `Trainer.run`",
            )  # fmt: skip
        self._settle()
        self._clock()
        engine = self.net.engine
        facts = plain_progress(self.progress, self.result)
        facts |= {"steps": engine.steps, "updates": engine.updates, "batches": self.batches.per_epoch}
        facts["optimizer"] = self.options.optimizer.name
        arrays = {f"best/{name}": value for name, value in self.progress.best.parameters.items()}
        if engine.optimizer == self.options.optimizer:
            arrays |= {f"optimizer/{name}": value for name, value in engine.optimizer_state().items()}
        return Snapshot(facts, arrays)

    @internal
    def restore(self, snapshot: Snapshot) -> None:
        """Stand where a snapshot was taken; the network's parameters are its user's affair.

        Raises:
            FileFormatError: it is damaged. StateError: it is of another run.
        """
        facts = snapshot.facts
        progress, result = read_progress(facts)
        mine = {"batches": self.batches.per_epoch, "optimizer": self.options.optimizer.name}
        theirs = {key: facts.get(key) for key in mine}
        if mine != theirs:
            raise StateError.expected("checkpoint", expected=f"one of a run with {mine}", got=theirs)
        counts = [facts.get(key) for key in ("steps", "updates")]
        if not all(type(n) is int and n >= 0 for n in counts):
            raise FileFormatError.expected("checkpoint steps, updates", expected="whole numbers from 0", got=counts)
        parts = {
            kind: {n.removeprefix(f"{kind}/"): v for n, v in snapshot.arrays.items() if n.startswith(f"{kind}/")}
            for kind in ("best", "optimizer")
        }
        engine = self.net.engine
        engine.set_optimizer_state(self.options, parts["optimizer"])
        engine.steps, engine.updates = (int(n) for n in counts if n is not None)
        progress.best.parameters = parts["best"]
        self.progress, self.result = progress, result

    def _clock(self) -> None:
        if self._began:
            self.progress.elapsed_s = perf_counter() - self._began
        self.result.total_time_s = self.progress.elapsed_s
        self.result.samples_per_second = self.progress.samples / max(self.result.total_time_s, 1e-9)

    def _tell(self, kind: Any, **facts: Any) -> TrainingEvent:
        elapsed = max(perf_counter() - self._began, 1e-9)
        speed = self.progress.samples / elapsed if self.progress.samples else None
        total = self.config.epochs * self.batches.per_epoch
        done = self.result.steps
        left = elapsed / done * (total - done) if done else None
        facts.setdefault("step", self.net.engine.steps)
        event = TrainingEvent(type=kind, samples_per_second=speed, eta_s=left, time_ns=time_ns(), **facts)
        self.net.dispatcher.event(event)
        return event
