"""The engine room of a network: its memory on a device, its compiled Programs, and the running of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import numpy as np

from loom_py.errors import StateError
from loom_py.events import LayerStats
from loom_py.executors.base import Executor, Loaded, Memory, Results
from loom_py.layers import Layer
from loom_py.network.arrays import (
    BUFFERS,
    GRADIENTS,
    STANDING,
    SUMMED,
    WEIGHTS,
    Layout,
    checked,
    fill_new,
    optimizer_area,
    read_all,
    walk,
)
from loom_py.network.compile import Compiled, Compiler, Role, StepOptions
from loom_py.network.flight import Flight as Flight
from loom_py.network.flight import Ready as Ready
from loom_py.network.flight import StepResult as StepResult
from loom_py.network.grid import Slot
from loom_py.network.inputs import Feed, Form
from loom_py.network.reading import Index, Reading, fill
from loom_py.network.watching import Moment, Watch
from loom_py.optimizers import Optimizer
from loom_py.program import ARENA
from loom_py.shapes import AnyArray, Array

MOST_PROGRAMS = 24
"""Compiled Programs kept; the least recently used goes first."""


class Engine:
    """Memory and Programs of one set of layers."""

    def __init__(self, slots: Sequence[tuple[Slot, Layer]], seed: int, executor: Executor) -> None:
        self.slots = slots
        self.seed = seed
        self.executor = executor
        top = [(str(slot.index), layer) for slot, layer in slots]
        self.layers = dict(walk(top))
        self.layout = Layout(self.layers.items())
        self.compiler = Compiler(top, self.layout, seed)
        self.memory: Memory = executor.allocate(self._least_sizes)
        fill_new(self.memory, self.layout, seed)
        self._stand()
        self.optimizer: Optimizer | None = None
        self.steps = 0
        self.updates = 0
        self.has_gradients = False
        self._ready: OrderedDict[Hashable, Ready] = OrderedDict()

    # Programs ------------------------------------------------------------------------------------------------------

    def ready(self, key: Hashable, compile_: Callable[[], Compiled]) -> Ready:
        """The loaded Program of this key, compiled at the first time."""
        found = self._ready.get(key)
        if found is None:
            compiled = compile_()
            found = Ready(self.executor.load(compiled.program, self.memory), compiled.passes)
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
        ready = self.ready(("evaluation", form, loss), lambda: self.compiler.evaluation(form, loss)).loaded
        self.write_feed(ready, feed)
        ready.run()
        return ready.read("output"), float(ready.read("loss")), _count(ready)

    def begin(self, feed: Feed, rate: float, options: StepOptions, watch: Watch | None = None) -> Flight:
        """Begin a training step: one Program, or one for each micro-batch.

        On a device whose `depth` is above 0 that many further steps may be begun before this one is finished; when it
        turns out to be refused, they are too, and have to be dropped.
        """
        self.use(options)
        if options.micro_batch is not None and options.micro_batch < feed.samples:
            return self._begin_in_parts(feed, rate, options, watch, options.micro_batch)
        ready = self._step_program(feed, options, watch, "whole")
        self.write_feed(ready.loaded, feed)
        return self._begin_update(ready, rate, timed=watch is not None)

    def finish(self, flight: Flight) -> StepResult:
        """The results of a step that was begun, steps in their order; a refused one is taken back from the counts."""
        result = flight.landed()
        if not result.ok:
            self.steps, self.updates = flight.number + 1, flight.updates
            self._stand()
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

    def _stand(self) -> None:
        """Let steps change parameters, after the first one that was refused kept the later ones from it."""
        self.memory.write(STANDING, 0, np.ones(1, np.float32))

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

    # state ---------------------------------------------------------------------------------------------------------

    def use(self, options: StepOptions) -> None:
        """Make room for an optimizer's state: kept while the kind of optimizer stays, zeroed when another comes."""
        optimizer = options.optimizer
        before, kept = self.memory, self._areas(optimizer)
        if options.micro_batch is not None:
            kept.add(SUMMED)
        if self.optimizer == optimizer and kept <= set(before.sizes):
            return
        if self.optimizer is None or self.optimizer.name != optimizer.name:
            self.updates = 0
        if kept != set(before.sizes):
            sizes = self._least_sizes
            sizes |= dict.fromkeys(kept - set(sizes), self.layout.sizes[WEIGHTS])
            self._move(self.executor, sizes)
        self.optimizer = optimizer

    def move_to(self, executor: Executor) -> None:
        """Go on with another executor: parameters, gradients and optimizer state are copied, Programs made anew."""
        self._move(executor, dict(self.memory.sizes))

    def _move(self, executor: Executor, sizes: dict[str, int]) -> None:
        """Areas of these sizes on an executor, filled from those there were."""
        before = self.memory
        memory = executor.allocate(sizes)
        for name in set(sizes) & set(before.sizes):
            memory.write(name, 0, before.read(name, 0, (sizes[name],), np.uint8))
        self.executor, self.memory = executor, memory
        self._ready.clear()

    @property
    def _least_sizes(self) -> dict[str, int]:
        return {**self.layout.sizes, GRADIENTS: self.layout.sizes[WEIGHTS], STANDING: 4}

    def _areas(self, optimizer: Optimizer) -> set[str]:
        return {
            WEIGHTS,
            GRADIENTS,
            BUFFERS,
            STANDING,
            *(optimizer_area(optimizer.name, name) for name in optimizer.state()),
        }

    def optimizer_state(self) -> dict[str, Array]:
        """Copies of the optimizer's state by its name and the parameter's, such as "m/0.weight"."""
        if self.optimizer is None:
            return {}
        found: dict[str, Array] = {}
        for name in self.optimizer.state():
            area = optimizer_area(self.optimizer.name, name)
            found |= {f"{name}/{key}": v for key, v in read_all(self.memory, self.layout.trained, area).items()}
        return found

    def set_optimizer_state(self, options: StepOptions, values: Mapping[str, Array]) -> None:
        """Take an optimizer's state as `optimizer_state` gives it, or none at all: then it is zero.

        Raises:
            StateError: names or shapes are not those of this optimizer's state.
        """
        names = options.optimizer.state() if values else ()
        wanted = {f"{name}/{place.name}": (name, place) for name in names for place in self.layout.trained}
        shapes = {key: place.parameter.shape for key, (_, place) in wanted.items()}
        if values and {key: value.shape for key, value in values.items()} != shapes:
            raise StateError.expected(
                "optimizer state", expected=f"that of {options.optimizer.name}, {len(shapes)} arrays", got="another"
            )
        self.optimizer = None
        self.use(options)
        for name in options.optimizer.state():
            area = optimizer_area(options.optimizer.name, name)
            self.memory.write(area, 0, np.zeros(self.memory.sizes[area], np.uint8))
        for key, (name, place) in wanted.items():
            self.memory.write(optimizer_area(options.optimizer.name, name), place.offset, values[key])

    @contextmanager
    def buffers_kept(self, *, fresh_states: bool = False) -> Iterator[Callable[[], None]]:
        """Put all buffers back in the end, unless the function given is called; meanwhile maybe with states of 0."""
        size = self.memory.sizes[BUFFERS]
        before = self.memory.read(BUFFERS, 0, (size,), np.uint8) if size else None
        given_up: list[bool] = []
        if fresh_states:
            self.reset_states()
        try:
            yield lambda: given_up.append(True)
        finally:
            if before is not None and not given_up:
                self.memory.write(BUFFERS, 0, before)

    def reset_states(self) -> None:
        """Zero what recurrent layers carry from run to run."""
        for place in self.layout.places.values():
            if place.parameter.state:
                self.memory.write(place.area, place.offset, np.zeros(place.parameter.shape, np.float32))

    def take_over(self, before: Engine) -> None:
        """Keep the trained values of layers that are the same at the same place in an earlier engine."""
        for path, layer in self.layers.items():
            if before.layers.get(path) == layer:
                for parameter in layer.parameters():
                    name = f"{path}.{parameter.name}"
                    old, new = before.layout.places[name], self.layout.places[name]
                    self.memory.write(new.area, new.offset, before.memory.read(old.area, old.offset, parameter.shape))

    def write_parameters(self, values: dict[str, Array]) -> None:
        """Overwrite arrays; names and shapes are checked before any is written."""
        for name, value in checked(self.layout, values).items():
            place = self.layout.places[name]
            self.memory.write(place.area, place.offset, value)

    @property
    def activation_bytes(self) -> int:
        """Bytes of the arenas of all compiled Programs."""
        return sum(r.loaded.program.sizes[ARENA] for r in self._ready.values())

    # observation ---------------------------------------------------------------------------------------------------

    def layer_stats(
        self, ready: Ready, moment: Moment, seq: int, phases: Sequence[str], results: Results | None = None
    ) -> list[LayerStats]:
        """LayerStats of every watched pass, in order of execution; `results` are those of a run, None: of the last."""
        if ready.index is None:
            ready.index = Index(ready.loaded.program)
            for passed in ready.passes:
                slot, _ = self.slots[int(passed.path.partition(".")[0])]
                layer = self.layers[passed.path]
                kind, place = type(layer).__name__, {"row": slot.row, "col": slot.col, "layer": slot.layer}
                passed.describe(layer, layer_index=slot.index, layer_type=kind, **place)
        reading = Reading(results or ready.loaded, ready.index)
        when = {"step": moment.step, "epoch": moment.epoch, "batch": moment.batch}
        found: list[LayerStats] = []
        for passed in ready.passes:
            if passed.phase in phases:
                found.append(fill(passed, reading, **when, seq=seq + len(found)))
        return found


def _count(loaded: Loaded) -> int | None:
    return int(loaded.read("correct")) if "correct" in loaded.program.outputs else None
