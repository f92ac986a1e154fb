"""The engine room of a network: its memory on a device, its compiled Programs, and the running of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast

import numpy as np

from loom_py.engine.compile import Compiled, Compiler, Role, StepOptions
from loom_py.engine.in_flight import Flight as Flight
from loom_py.engine.in_flight import Ready as Ready
from loom_py.engine.in_flight import StepResult as StepResult
from loom_py.engine.inputs import Feed, Form
from loom_py.engine.layout import Slot
from loom_py.engine.state import State
from loom_py.errors import UnavailableError
from loom_py.executors.base import Executor, Loaded, Results
from loom_py.executors.choose import executor_for
from loom_py.layer_run import records_of
from loom_py.layers import Layer
from loom_py.program import ARENA
from loom_py.shapes import AnyArray, Array
from loom_py.telemetry.events import LayerStats
from loom_py.telemetry.frame import RecordLayout, WatchedRun, watched
from loom_py.telemetry.instrument import Moment, Watch
from loom_py.telemetry.observations import Index

T = TypeVar("T")
MOST_PROGRAMS = 24
"""Compiled Programs kept; the least recently used goes first."""


class Engine(State):
    """Memory and Programs of one set of layers."""

    def __init__(self, slots: Sequence[tuple[Slot, Layer]], seed: int, executor: Executor) -> None:
        super().__init__(slots, seed, executor)
        self.compiler = Compiler(self.top, self.layout, seed)

    # Programs ------------------------------------------------------------------------------------------------------

    def ready(self, key: Hashable, compile_: Callable[[], Compiled]) -> Ready:
        """The loaded Program of this key, compiled at the first time."""
        found = self._ready.get(key)
        if found is None:
            compiled = compile_()
            found = Ready(self.load(compiled.program), compiled.passes)
            self._ready[key] = found
            while len(self._ready) > MOST_PROGRAMS:
                self._ready.popitem(last=False)
        self._ready.move_to_end(key)
        return found

    def inference(self, form: Form, watch: Watch | None = None) -> Ready:
        """x → output."""
        return self.ready(("inference", form, watch), lambda: self.compiler.inference(form, watch))

    def manual(self, form: Form, training: bool, watch: Watch | None) -> Ready:
        """Forward and backward as segments."""
        return self.ready(("manual", form, training, watch), lambda: self.compiler.manual(form, training, watch))

    def evaluation(self, feed: Feed, options: StepOptions) -> tuple[Array, float, int | None]:
        """Output, loss and right answers of one batch, in evaluation mode."""
        form, loss = feed.form, options.loss
        ready = self.with_room(
            lambda: self.ready(("evaluation", form, loss), lambda: self.compiler.evaluation(form, loss)).loaded
        )
        self.write_feed(ready, feed)
        ready.run()
        return ready.read("output"), float(ready.read("loss")), _count(ready)

    def begin(self, feed: Feed, rate: float, options: StepOptions, watch: Watch | None = None) -> Flight:
        """Begin a training step: one Program, or one for each micro-batch.

        On a device whose `depth` is above 0 that many further steps may be begun before this one is finished; when it
        turns out to be refused, they are too, and have to be dropped. When such a device has no room for a step, or no
        kernel, training goes on with the processor, and `incidents` says so, as it does when the device is lost.
        """
        flight = self.with_room(lambda: self._begin(feed, rate, options, watch))
        flight.again = partial(self._begin, feed, rate, options, watch)
        return flight

    def with_room(self, call: Callable[[], T]) -> T:
        """What a call gives that needs memory and kernels of the device: where there are none, on the processor."""
        try:
            return call()
        except UnavailableError as error:
            if not self.executor.depth:
                raise
            before, host = self.executor.name, executor_for("auto")
            self.move_to(host)
            self.tell(f"{before} can't do it ({error}); {host.name} takes over after {self.steps} steps")
        return call()

    def _begin(self, feed: Feed, rate: float, options: StepOptions, watch: Watch | None) -> Flight:
        self.use(options)
        if options.micro_batch is not None and options.micro_batch < feed.samples:
            return self._begin_in_parts(feed, rate, options, watch, options.micro_batch)
        ready = self._step_program(feed, options, watch, "whole")
        self.write_feed(ready.loaded, feed)
        return self._begin_update(ready, rate, timed=watch is not None)

    def finish(self, flight: Flight) -> StepResult:
        """The results of a step that was begun, steps in their order; a refused one is taken back from the counts."""
        result = flight.landed()
        if not result.ok and flight.again and math.isfinite(result.loss) and math.isfinite(result.gradient_norm):
            self.stand()  # nothing is wrong with it: it came after a refused step of another run of this network
            done = flight.again()
            flight.ready, flight.results, flight.result = done.ready, done.results, done.result
            flight.number, flight.updates = done.number, done.updates
            result = flight.landed()
        if not result.ok:
            self.steps, self.updates = flight.number + 1, flight.updates
            self.stand()
        return result

    def _step_program(self, feed: Feed, options: StepOptions, watch: Watch | None, role: Role) -> Ready:
        form, late = feed.form, self.executor.depth > 0
        return self.ready(
            ("step", form, options, watch, role), lambda: self.compiler.step(form, options, watch, role, late=late)
        )

    def _begin_in_parts(self, feed: Feed, rate: float, options: StepOptions, watch: Watch | None, size: int) -> Flight:
        """The gradients of all parts, each weighed by its share of the batch, then one update; the last is watched."""
        parts = [feed.chosen(slice(start, start + size)) for start in range(0, feed.samples, size)]
        weights = [options.loss.weight(cast("AnyArray", part.target)) for part in parts]
        shares = [weight / max(sum(weights), 1e-30) for weight in weights]
        loss, correct = 0.0, 0
        with self.buffers_kept() as give_up:
            for number, part in enumerate(parts[:-1]):
                ready = self._step_program(part, options, None, "part")
                self.write_feed(ready.loaded, part, number)
                ready.loaded.write("share", np.float32(shares[number]))
                ready.loaded.write("keep", np.float32(number > 0))
                ready.loaded.run()
                loss += shares[number] * float(ready.loaded.read("loss"))
                correct += _count(ready.loaded) or 0
            ready = self._step_program(parts[-1], options, watch, "last")
            self.write_feed(ready.loaded, parts[-1], len(parts) - 1)
            ready.loaded.write("share", np.float32(shares[-1]))
            flight = self._begin_update(ready, rate, timed=watch is not None)
            last = flight.landed()
            if last.ok:
                give_up()
        whole = None if last.correct is None else correct + last.correct
        flight.result = replace(last, loss=loss + shares[-1] * last.loss, correct=whole)
        return flight

    def probe(self, feed: Feed, options: StepOptions) -> list[LayerStats]:
        """Statistics of every layer for the step that was just refused: all of it again but the update."""
        ready = self._step_program(feed, options, Watch(), "whole")
        self.write_feed(ready.loaded, feed)
        if "draw" in ready.loaded.program.inputs:
            ready.loaded.write("draw", np.uint32((self.steps - 1) & 0xFFFFFFFF))
        with self.buffers_kept():
            for segment in ("forward", "loss", "backward"):
                ready.loaded.run(segment)
        return self.layer_stats(ready, Moment(self.steps - 1), 0, ("forward", "backward"))

    def update(self, rate: float, options: StepOptions) -> StepResult:
        """Apply the gradients as they stand."""
        self.use(options)
        ready = self.ready(("update", options), lambda: self.compiler.update(options))
        return self.finish(self._begin_update(ready, rate, timed=False))

    def _begin_update(self, ready: Ready, rate: float, *, timed: bool) -> Flight:
        loaded = ready.loaded
        loaded.write("learning_rate", np.float32(rate))
        loaded.write("update_number", np.float32(self.updates + 1))
        loaded.run(timed=timed)
        flight = Flight(ready, loaded.results(), self.steps, self.updates)
        self.updates += 1
        self.steps += 1
        self.has_gradients = True
        return flight

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one sample's output, from that of its input."""
        _, program = self.compiler.survey((1, *input_shape))
        return program.buffers[program.outputs["output"]].spec.shape[1:]

    def write_feed(self, loaded: Loaded, feed: Feed, part: int = 0) -> None:
        """Fill the inputs of a Program; `part` numbers the micro-batch, which has random draws of its own."""
        for name, value in (("x", feed.x), ("target", feed.target), ("mask", feed.mask)):
            if value is not None:
                loaded.write(name, value)
        if "draw" in loaded.program.inputs:
            loaded.write("draw", np.uint32((self.steps + (part << 24)) & 0xFFFFFFFF))

    @property
    def activation_bytes(self) -> int:
        """Bytes of the arenas of all compiled Programs."""
        return sum(r.loaded.program.sizes[ARENA] for r in self._ready.values())

    # observation ---------------------------------------------------------------------------------------------------

    def layer_stats(self, ready: Ready, moment: Moment, seq: int, phases: Sequence[str]) -> list[LayerStats]:
        """LayerStats of every watched pass of the last run, in order of execution."""
        return list(records_of([self.watched(ready, moment, seq, phases)]))

    def watched(
        self, ready: Ready, moment: Moment, seq: int, phases: Sequence[str], results: Results | None = None
    ) -> WatchedRun:
        """What the watched passes left; `results` are those of a run, None: of the last."""
        if ready.layout is None:
            for passed in ready.passes:
                slot, _ = self.slots[int(passed.path.partition(".")[0])]
                layer = self.layers[passed.path]
                kind, place = type(layer).__name__, {"row": slot.row, "col": slot.col, "layer": slot.layer}
                passed.describe(layer, layer_index=slot.index, layer_type=kind, **place)
            ready.layout = RecordLayout(Index(ready.loaded.program), ready.passes)
        return watched(ready.layout.of_phases(phases), results or ready.loaded, moment, seq)


def _count(loaded: Loaded) -> int | None:
    return int(loaded.read("correct")) if "correct" in loaded.program.outputs else None
