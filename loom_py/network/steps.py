"""Steps of a network with its observers: which are due, what is measured for them, and its delivery."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import TypeVar

from loom_py.engine.compile import StepOptions
from loom_py.engine.engine import Engine
from loom_py.engine.in_flight import InFlightStep, Ready, StepResult
from loom_py.engine.inputs import Feed
from loom_py.executors.base import Results
from loom_py.network.report import UpdateRatios
from loom_py.telemetry.dispatch import Dispatcher
from loom_py.telemetry.instrument import StatsRequest, StepInfo
from loom_py.telemetry.observer import Observer

Outcome = TypeVar("Outcome")


class Steps:
    """Runs forward passes and training steps of an engine, and delivers their statistics.

    It does not hold the engine: a network must be freed, and its GPU memory with it, as soon as its user drops it.

    Attributes:
        last_input: the newest input, for telemetry.
        update_ratios: the newest update ratios, for telemetry.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self.last_input: Feed | None = None
        self.update_ratios = UpdateRatios()
        self._runs = 0
        self._seq = 0

    def due(self) -> tuple[StatsRequest | None, list[Observer]]:
        """The observers that are due for the next run, and their request; None where there are none."""
        return self._dispatcher.due(self._runs)

    def start(
        self, engine: Engine, feed: Feed, rate: float, options: StepOptions, epoch: int, batch: int
    ) -> InFlightStep:
        """Start a training step on checked arrays; up to the executor's `depth` more may start before it finishes."""
        started = perf_counter_ns()
        request, listeners = self.due()
        info = StepInfo(engine.steps, epoch, batch)
        step = engine.begin(feed, rate, options, request)
        step.info, step.listeners = info, listeners
        self._count(feed)
        step.spent_ns = perf_counter_ns() - started
        return step

    def finish(self, engine: Engine, step: InFlightStep) -> StepResult:
        """Results of a started step, when they arrive; delivered to the observers that were due when it started."""
        started = perf_counter_ns()
        result = engine.finish(step)
        self.deliver(engine, step.ready, step.info, step.listeners, ("forward", "backward"), step.results)
        self._dispatcher.note(step.listeners, step.spent_ns + perf_counter_ns() - started)
        return result

    def run_observed(
        self,
        engine: Engine,
        feed: Feed,
        step: Callable[[StatsRequest | None], tuple[Outcome, Ready]],
        epoch: int,
        batch: int,
    ) -> Outcome:
        """Run a training step of any kind, measured as the observers that are due ask, and deliver to them."""
        started = perf_counter_ns()
        request, listeners = self.due()
        info = StepInfo(engine.steps, epoch, batch)
        outcome, ready = step(request)
        self._count(feed)
        self.deliver(engine, ready, info, listeners, ("forward", "backward"))
        self._dispatcher.note(listeners, perf_counter_ns() - started)
        return outcome

    def run_forward(
        self,
        engine: Engine,
        ready: Ready,
        feed: Feed,
        segment: str | None,
        listeners: list[Observer],
        passes: int = 0,
    ) -> None:
        """Run the forward pass of a Program, or its segment of that name, and deliver; see `Engine.write_feed`."""
        started = perf_counter_ns()
        engine.write_feed(ready.loaded, feed, passes=passes)
        ready.loaded.run(segment, timed=bool(listeners))
        self.deliver_forward(engine, ready, feed, listeners)
        self._dispatcher.note(listeners, perf_counter_ns() - started)

    def deliver_forward(self, engine: Engine, ready: Ready, feed: Feed, listeners: list[Observer]) -> None:
        """Count and deliver a forward pass that was run."""
        self._count(feed)
        self.deliver(engine, ready, StepInfo(engine.steps), listeners, ("forward",))

    def deliver(
        self,
        engine: Engine,
        ready: Ready,
        info: StepInfo,
        listeners: list[Observer],
        phases: tuple[str, ...],
        results: Results | None = None,
    ) -> None:
        """Deliver the measurements of these phases; `results` of a run, None: of the last."""
        if listeners:
            frame = engine.frame(ready, info, self._seq, phases, results)
            self.update_ratios.note(frame)
            self._seq += len(frame)
            self._dispatcher.frame(listeners, frame)

    def _count(self, feed: Feed) -> None:
        self._runs += 1
        self.last_input = feed
