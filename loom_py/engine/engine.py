"""The engine of a network: its memory on a device, its compiled Programs, and the running of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast
from weakref import ref

import numpy as np

from loom_py.engine.compile import Compiled, Compiler, Role, StepOptions
from loom_py.engine.headroom import UNCHECKED_NORM, UpdateCheck, may_update
from loom_py.engine.in_flight import InFlightStep, Ready, StepResult
from loom_py.engine.inputs import Feed, Form
from loom_py.engine.layout import Slot
from loom_py.engine.state import State
from loom_py.errors import UnavailableError
from loom_py.executors.base import Executor, Loaded, Results
from loom_py.executors.choose import executor_for
from loom_py.layers import Layer
from loom_py.losses import divisor
from loom_py.program import ARENA
from loom_py.shapes import AnyArray, Array
from loom_py.telemetry.events import LayerStats
from loom_py.telemetry.frame import FrameSchema, StatsFrame, read_frame, records_of
from loom_py.telemetry.instrument import StatsRequest, StepInfo
from loom_py.telemetry.observations import ObservationIndex

T = TypeVar("T")
MOST_PROGRAMS = 24
"""Compiled Programs kept; the least recently used is dropped first."""
DRAWS_APART = 0x9E3779B9
"""Distance between the random draws of two passes by hand: odd and large, so that no step repeats a pass's draw."""


class Engine(State):
    """Memory and Programs of one set of layers."""

    def __init__(self, slots: Sequence[tuple[Slot, Layer]], seed: int, executor: Executor) -> None:
        super().__init__(slots, seed, executor)
        self.compiler = Compiler(self.top, self.layout, seed)
        self._started: list[ref[InFlightStep]] = []  # and not finished, in order, on a device that works ahead

    # Programs ------------------------------------------------------------------------------------------------------

    def ready(self, key: Hashable, compile_: Callable[[], Compiled]) -> Ready:
        """The loaded Program of this key, compiled on first use."""
        found = self._ready.get(key)
        if found is None:
            compiled = compile_()
            found = Ready(self.load(compiled.program), compiled.passes)
            self._ready[key] = found
            while len(self._ready) > MOST_PROGRAMS:
                self._ready.popitem(last=False)
        self._ready.move_to_end(key)
        return found

    def inference(self, form: Form, request: StatsRequest | None = None) -> Ready:
        """x → output."""
        return self.ready(("inference", form, request), lambda: self.compiler.inference(form, request))

    def manual(self, form: Form, training: bool, request: StatsRequest | None) -> Ready:
        """Forward and backward as segments."""
        return self.ready(("manual", form, training, request), lambda: self.compiler.manual(form, training, request))

    def evaluation(self, feed: Feed, options: StepOptions) -> tuple[Array, float, int | None]:
        """Output, loss and number of correct answers of one batch, in evaluation mode."""
        form, loss = feed.form, options.loss
        ready = self.with_fallback(
            lambda: self.ready(("evaluation", form, loss), lambda: self.compiler.evaluation(form, loss)).loaded
        )
        self.write_feed(ready, feed)
        ready.run()
        return ready.read("output"), float(ready.read("loss")), _count(ready)

    def begin(self, feed: Feed, rate: float, options: StepOptions, request: StatsRequest | None = None) -> InFlightStep:
        """Start a training step: one Program, or one for each micro-batch.

        On a device whose `depth` is above 0, that many further steps may be started before this one has finished. If
        it is then refused, so are they, and they have to be dropped. When such a device is lost, or has no memory or
        kernel for a step, training continues on the processor and `incidents` says so.
        """
        launch = partial(self._launch, feed, rate, options, request)
        if _weight(feed, options) == 0:
            return self.with_fallback(lambda: self._start_idle(launch, options))
        return self.with_fallback(lambda: self._start(launch, rate, options))

    def with_fallback(self, call: Callable[[], T]) -> T:
        """The result of a call that needs memory and kernels of the device; on the processor where it has none."""
        try:
            return call()
        except UnavailableError as error:
            if not self.executor.depth:
                raise
            before, host = self.executor.name, executor_for("auto")
            self.move_to(host)
            self.report(f"{before} can't do it ({error}); {host.name} takes over after {self.steps} steps")
        return call()

    def _start(self, launch: Callable[[], InFlightStep], rate: float, options: StepOptions) -> InFlightStep:
        """Launch a step; checked where its update could overflow."""
        self.use(options)
        checked = partial(self._launch_checked, launch, options)
        step = launch() if self.headroom.covers(options, rate) else checked()
        step.retry = checked
        if self.executor.depth:
            self._started = [*(other for other in self._started if other()), ref(step)]
        return step

    def _start_idle(self, launch: Callable[[], InFlightStep], options: StepOptions) -> InFlightStep:
        """Run a step of a batch in which nothing has weight: it is measured and changes nothing."""
        self.use(options)
        before = UpdateCheck(self.memory, self.layout, options.optimizer) if may_update(self.memory) else None
        with self.buffers_kept(), self.any_finite_norm():
            step = launch()
            step.retry = partial(self._start_idle, launch, options)
            if before is not None and step.wait().ok:
                before.restore()
                self.updates = step.updates
        return step

    def _launch_checked(self, launch: Callable[[], InFlightStep], options: StepOptions) -> InFlightStep:
        """Launch a step with gradients of any finite norm; it is taken back if it made anything infinite."""
        self.use(options)
        if not may_update(self.memory):
            return launch()  # it will be dropped together with the refused step before it
        check = UpdateCheck(self.memory, self.layout, options.optimizer)
        with self.buffers_kept() as keep_new, self.any_finite_norm():
            step = launch()
            result = step.wait()
            infinite = check.finish(self.headroom) if result.ok else ()
            if result.gradient_norm > UNCHECKED_NORM:
                self.headroom.left = 0.0  # the next step is checked at once
            if result.ok and not infinite:
                keep_new()
        if infinite:
            step.result = replace(result, ok=False, infinite=infinite)
        return step

    def _launch(self, feed: Feed, rate: float, options: StepOptions, request: StatsRequest | None) -> InFlightStep:
        if len(parts := _parts(feed, options)) > 1:
            return self._launch_in_parts(parts, feed, rate, options, request)
        ready = self._step_program(feed, options, request, "whole")
        self.write_feed(ready.loaded, feed)
        return self._run_step(ready, rate, feed, timed=request is not None)

    def finish(self, step: InFlightStep) -> StepResult:
        """Results of a started step, in the order of starting; a refused one is taken back from the counts."""
        result = step.wait()
        if not result.ok and _blameless(step, result):
            self._restart(step)
            result = step.wait()
        if not result.ok:
            self.steps, self.updates = step.number, step.updates
            self.allow_updates()
        if self._started:
            self._started = [other for other in self._started if other() not in (None, step)]
        return result

    def _restart(self, step: InFlightStep) -> None:
        """Start a step again that was refused without a fault of its own, then those started after it, in order.

        The norm of its gradients is large, or it was started after a refused step of another run of this network.
        """
        self.allow_updates()
        steps = [other for known in self._started if (other := known())]
        self.steps, self.updates = min(self.steps, step.number), min(self.updates, step.updates)
        for other in steps[steps.index(step) :] if step in steps else [step]:
            if other.retry is not None:
                other.replace_by(other.retry())

    def _step_program(self, feed: Feed, options: StepOptions, request: StatsRequest | None, role: Role) -> Ready:
        form, late = feed.form, self.executor.depth > 0
        return self.ready(
            ("step", form, options, request, role),
            lambda: self.compiler.step(form, options, request, role, late=late),
        )

    def _launch_in_parts(
        self, parts: list[Feed], feed: Feed, rate: float, options: StepOptions, request: StatsRequest | None
    ) -> InFlightStep:
        """Sum the gradients of all parts, weighted by their share of the batch, then update; the last is measured."""
        weights = [_weight(part, options) for part in parts]
        shares = [divisor(weight) / divisor(sum(weights)) for weight in weights]
        loss, correct = 0.0, 0
        with self.buffers_kept() as keep_new:
            for number, part in enumerate(parts[:-1]):
                ready = self._step_program(part, options, None, "part")
                self.write_feed(ready.loaded, part, number)
                ready.loaded.write("share", np.float32(shares[number]))
                ready.loaded.write("keep", np.float32(number > 0))
                ready.loaded.run()
                loss += shares[number] * float(ready.loaded.read("loss"))
                correct += _count(ready.loaded) or 0
            ready = self._step_program(parts[-1], options, request, "last")
            self.write_feed(ready.loaded, parts[-1], len(parts) - 1)
            # Where the loss of an earlier part is not finite, NaN makes the last part's guard refuse the step.
            ready.loaded.write("share", np.float32(shares[-1] if math.isfinite(loss) else math.nan))
            step = self._run_step(ready, rate, feed, timed=request is not None)
            last = step.wait()
            if last.ok:
                keep_new()
        whole = None if last.correct is None else correct + last.correct
        step.result = replace(last, loss=loss + shares[-1] * last.loss, correct=whole)
        return step

    def probe(self, feed: Feed, options: StepOptions) -> Iterator[list[LayerStats]]:
        """Statistics of every layer for the step just refused, part by part: all of it again except the update."""
        with self.buffers_kept():
            for number, part in enumerate(_parts(feed, options)):
                ready = self._step_program(part, options, StatsRequest(), "whole")
                self.write_feed(ready.loaded, part, number)
                for segment in ("forward", "loss", "backward"):
                    ready.loaded.run(segment)
                yield self.layer_stats(ready, StepInfo(self.steps), 0, ("forward", "backward"))

    def update(self, rate: float, options: StepOptions) -> StepResult:
        """Apply the current gradients."""
        self.use(options)
        ready = self.ready(("update", options), lambda: self.compiler.update(options))
        return self.finish(self._start(lambda: self._run_step(ready, rate, None, timed=False), rate, options))

    def _run_step(self, ready: Ready, rate: float, feed: Feed | None, *, timed: bool) -> InFlightStep:
        loaded = ready.loaded
        loaded.write("learning_rate", np.float32(rate))
        loaded.write("update_number", np.float32(self.updates + 1))
        loaded.run(timed=timed)
        step = InFlightStep(ready, loaded.results(), self.steps, self.updates, rate, feed)
        self.updates += 1
        self.steps += 1
        self.has_gradients = True
        return step

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one sample's output, from that of its input."""
        _, program = self.compiler.survey((1, *input_shape))
        return program.buffers[program.outputs["output"]].spec.shape[1:]

    def write_feed(self, loaded: Loaded, feed: Feed, part: int = 0, *, passes: int = 0) -> None:
        """Fill the inputs of a Program.

        Args:
            part: number of the micro-batch, which has its own random draws.
            passes: number of earlier passes by hand in training mode, each of which has its own too.
        """
        for name, value in (("x", feed.x), ("target", feed.target), ("mask", feed.mask)):
            if value is not None:
                loaded.write(name, value)
        if "draw" in loaded.program.inputs:
            loaded.write("draw", np.uint32((self.steps + (part << 24) + passes * DRAWS_APART) & 0xFFFFFFFF))

    @property
    def activation_bytes(self) -> int:
        """Bytes of the arenas of all compiled Programs."""
        return sum(r.loaded.program.sizes[ARENA] for r in self._ready.values())

    # observation ---------------------------------------------------------------------------------------------------

    def layer_stats(self, ready: Ready, info: StepInfo, seq: int, phases: Sequence[str]) -> list[LayerStats]:
        """LayerStats of every measured pass of the last run, in order of execution."""
        return list(records_of([self.frame(ready, info, seq, phases)]))

    def frame(
        self, ready: Ready, info: StepInfo, seq: int, phases: Sequence[str], results: Results | None = None
    ) -> StatsFrame:
        """Measurements of the passes of these phases; `results` of a run, None: of the last."""
        if ready.schema is None:
            for layer_pass in ready.passes:
                slot, _ = self.slots[int(layer_pass.path.partition(".")[0])]
                layer = self.layers[layer_pass.path]
                kind, place = type(layer).__name__, {"row": slot.row, "col": slot.col, "layer": slot.layer}
                layer_pass.describe(layer, layer_index=slot.index, layer_type=kind, **place)
            ready.schema = FrameSchema(ObservationIndex(ready.loaded.program), ready.passes)
        return read_frame(ready.schema.of_phases(phases), results or ready.loaded, info, seq)


def _weight(feed: Feed, options: StepOptions) -> float:
    return options.loss.weight(cast("AnyArray", feed.target))


def _parts(feed: Feed, options: StepOptions) -> list[Feed]:
    """The micro-batches of a batch, or the whole."""
    size = options.micro_batch or feed.samples
    return [feed.chosen(slice(start, start + size)) for start in range(0, feed.samples, size)]


def _blameless(step: InFlightStep, result: StepResult) -> bool:
    """Whether a refused step's loss and gradients are finite, and nothing is known to overflow in its update."""
    loss = 0.0 if step.feed is None else result.loss
    return not result.infinite and math.isfinite(loss) and math.isfinite(result.gradient_norm)


def _count(loaded: Loaded) -> int | None:
    return int(loaded.read("correct")) if "correct" in loaded.program.outputs else None
