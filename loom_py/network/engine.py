"""The engine room of a network: its memory on a device, its compiled Programs, and the running of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from loom_py.events import LayerStats
from loom_py.executors.base import Executor, Loaded, Memory
from loom_py.layers import Layer
from loom_py.network.arrays import BUFFERS, GRADIENTS, WEIGHTS, Layout, checked, fill_new, optimizer_area, walk
from loom_py.network.compile import Compiled, Compiler, StepOptions
from loom_py.network.grid import Slot
from loom_py.network.watching import Moment, Passed, Reading, Watch, fill
from loom_py.optimizers import Optimizer
from loom_py.program import ARENA
from loom_py.shapes import AnyArray, Array

MOST_PROGRAMS = 24
"""Compiled Programs kept; the least recently used goes first."""


@dataclass(slots=True)
class Ready:
    """A compiled Program, loaded."""

    loaded: Loaded
    passes: Sequence[Passed]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a training step leaves behind.

    Attributes:
        loss: mean loss of the batch, NaN or infinite when it diverged.
        correct: samples classified right, None where there are no classes.
        gradient_norm: L2 norm of all gradients before clipping.
        ok: whether the update was made; False when loss or gradients are not finite.
    """

    loss: float
    correct: int | None
    gradient_norm: float
    ok: bool


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
        self.memory: Memory = executor.allocate(
            {**self.layout.sizes, GRADIENTS: self.layout.sizes[WEIGHTS]},
        )
        fill_new(self.memory, self.layout, seed)
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

    def inference(self, shape: tuple[int, ...], watch: Watch | None = None) -> Ready:
        """x → output."""
        return self.ready(("inference", shape, watch), lambda: self.compiler.inference(shape, watch))

    def manual(self, shape: tuple[int, ...], training: bool, watch: Watch | None) -> Ready:
        """Forward and backward as segments."""
        return self.ready(("manual", shape, training, watch), lambda: self.compiler.manual(shape, training, watch))

    def evaluation(self, x: AnyArray, target: AnyArray, options: StepOptions) -> tuple[Array, float, int | None]:
        """Output, loss and right answers of one batch, in evaluation mode."""
        key = ("evaluation", x.shape, target.shape, target.dtype, options.loss)
        compile_ = self.compiler.evaluation
        ready = self.ready(key, lambda: compile_(x.shape, target.shape, target.dtype, options.loss)).loaded
        ready.write("x", x)
        ready.write("target", target)
        ready.run()
        return ready.read("output"), float(ready.read("loss")), _count(ready)

    def step(
        self, x: AnyArray, target: AnyArray, rate: float, options: StepOptions, watch: Watch | None = None
    ) -> tuple[StepResult, Ready]:
        """One training step as one Program."""
        self.use(options.optimizer)
        key = ("step", x.shape, target.shape, target.dtype, options, watch)
        compile_ = self.compiler.step
        ready = self.ready(key, lambda: compile_(x.shape, target.shape, target.dtype, options, watch))
        ready.loaded.write("target", target)
        return self._run_update(ready, x, rate, timed=watch is not None), ready

    def probe(self, x: AnyArray, target: AnyArray, options: StepOptions) -> list[LayerStats]:
        """Statistics of every layer for the step that was just refused: all of it again but the update."""
        everything = Watch()
        key = ("step", x.shape, target.shape, target.dtype, options, everything)
        compile_ = self.compiler.step
        ready = self.ready(key, lambda: compile_(x.shape, target.shape, target.dtype, options, everything))
        ready.loaded.write("x", x)
        ready.loaded.write("target", target)
        if "draw" in ready.loaded.program.inputs:
            ready.loaded.write("draw", np.uint32((self.steps - 1) & 0xFFFFFFFF))
        for segment in ("forward", "loss", "backward"):
            ready.loaded.run(segment)
        return self.layer_stats(ready, Moment(self.steps - 1), 0, ("forward", "backward"))

    def update(self, rate: float, options: StepOptions) -> StepResult:
        """Apply the gradients as they stand."""
        self.use(options.optimizer)
        ready = self.ready(("update", options), lambda: self.compiler.update(options))
        return self._run_update(ready, None, rate, timed=False)

    def _run_update(self, ready: Ready, x: AnyArray | None, rate: float, *, timed: bool) -> StepResult:
        loaded = ready.loaded
        self.write_input(loaded, x)
        loaded.write("learning_rate", np.float32(rate))
        loaded.write("update_number", np.float32(self.updates + 1))
        loaded.run(timed=timed)
        ok = bool(loaded.read("ok"))
        self.updates += ok
        self.steps += 1
        self.has_gradients = True
        loss = float(loaded.read("loss")) if "loss" in loaded.program.outputs else float("nan")
        return StepResult(loss, _count(loaded), float(loaded.read("gradient_norm")), ok)

    def write_input(self, loaded: Loaded, x: AnyArray | None) -> None:
        """Fill "x" and "draw" of a Program (a Program that needs neither is left alone)."""
        if x is not None:
            loaded.write("x", x)
        if "draw" in loaded.program.inputs:
            loaded.write("draw", np.uint32(self.steps & 0xFFFFFFFF))

    # state ---------------------------------------------------------------------------------------------------------

    def use(self, optimizer: Optimizer) -> None:
        """Make room for an optimizer's state: kept while the kind of optimizer stays, zeroed when another comes."""
        if self.optimizer == optimizer:
            return
        if self.optimizer is None or self.optimizer.name != optimizer.name:
            self.updates = 0
        before, kept = self.memory, self._areas(optimizer)
        if kept != set(before.sizes):
            sizes = {**self.layout.sizes, GRADIENTS: self.layout.sizes[WEIGHTS]}
            sizes |= dict.fromkeys(kept - set(sizes), self.layout.sizes[WEIGHTS])
            self.memory = self.executor.allocate(sizes)
            for name in set(sizes) & set(before.sizes):
                self.memory.write(name, 0, before.read(name, 0, (sizes[name],), np.uint8))
            self._ready.clear()
        self.optimizer = optimizer

    def _areas(self, optimizer: Optimizer) -> set[str]:
        return {WEIGHTS, GRADIENTS, BUFFERS, *(optimizer_area(optimizer.name, name) for name in optimizer.state())}

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

    def layer_stats(self, ready: Ready, moment: Moment, seq: int, phases: Sequence[str]) -> list[LayerStats]:
        """LayerStats of every watched pass of the last run, in order of execution."""
        reading = Reading(ready.loaded)
        found: list[LayerStats] = []
        for passed in ready.passes:
            if passed.phase in phases:
                slot, _ = self.slots[int(passed.path.partition(".")[0])]
                layer = self.layers[passed.path]
                blank = LayerStats(
                    layer_index=slot.index, layer_type=type(layer).__name__, row=slot.row, col=slot.col,
                    layer=slot.layer, path=passed.path, phase=passed.phase,  # type: ignore[arg-type]
                    step=moment.step, epoch=moment.epoch, batch=moment.batch, seq=seq + len(found),
                )  # fmt: skip
                found.append(fill(blank, passed, reading, layer))
        return found


def _count(loaded: Loaded) -> int | None:
    return int(loaded.read("correct")) if "correct" in loaded.program.outputs else None
