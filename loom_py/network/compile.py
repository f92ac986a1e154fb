"""From layers to Programs: inference, evaluation, the manual loop's two halves, the update, the whole step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loom_py import ops
from loom_py.layers import Layer, Run
from loom_py.layers.chain import chain_gives, chain_ids
from loom_py.losses import Gives, Loss
from loom_py.network.arrays import GRADIENTS, WEIGHTS, Layout, optimizer_area
from loom_py.network.watching import Passed, RecordingWatcher, Watch
from loom_py.ops import Tensor
from loom_py.optimizers import Optimizer
from loom_py.program import Program, Recorder
from loom_py.shapes import Shape


@dataclass(frozen=True)
class StepOptions:
    """What a training step does beside forward and backward; hashable, a Program is compiled for it.

    Attributes:
        clip_norm: largest norm of all gradients together, None for no limit.
        clip_value: largest magnitude of one gradient element, None for no limit.
    """

    loss: Loss
    optimizer: Optimizer
    clip_norm: float | None = None
    clip_value: float | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A Program and the passes that its observations belong to."""

    program: Program
    passes: Sequence[Passed] = ()


@dataclass(slots=True)
class _Tape:
    """One recording under way: the walk so far and what backward needs of it."""

    recorder: Recorder
    run: Run
    watcher: RecordingWatcher
    output: Tensor
    caches: list[Any] = field(default_factory=list)


class Compiler:
    """Records Programs for one set of layers over one layout."""

    def __init__(self, layers: Sequence[tuple[str, Layer]], layout: Layout, seed: int) -> None:
        self.layers = layers
        self.layout = layout
        self.seed = seed

    @property
    def gives(self) -> Gives:
        """What the network's outputs are: the last word of the layers that do not just pass on."""
        said = chain_gives([layer for _, layer in self.layers])
        return "probabilities" if said == "probabilities" else "values"

    @property
    def ids(self) -> int | None:
        """How many integer ids the input chooses from, None where it is values."""
        return chain_ids([layer for _, layer in self.layers])

    def survey(self, shape: Shape) -> tuple[dict[str, tuple[Shape, Shape]], Program]:
        """Every layer's input and output shape without batch, by path, and the Program that computes them.

        Raises:
            ShapeError: a layer does not take what comes before it; the text names its place.
        """
        tape = self._forward(shape, training=False, watch=None)
        tape.recorder.output("output", tape.output)
        return {p: (x[1:], y[1:]) for p, (x, y) in tape.watcher.shapes.items()}, tape.recorder.finish()

    def inference(self, shape: Shape, watch: Watch | None = None) -> Compiled:
        """x → output, nothing kept for backward."""
        tape = self._forward(shape, training=False, watch=watch)
        tape.recorder.output("output", tape.output)
        return self._done(tape)

    def evaluation(self, shape: Shape, target: Shape, target_dtype: Any, loss: Loss) -> Compiled:
        """x, target → output, loss and (for classes) the count of right answers."""
        tape = self._forward(shape, training=False, watch=None)
        self._loss(tape, target, target_dtype, loss)
        tape.recorder.output("output", tape.output)
        return self._done(tape)

    def manual(self, shape: Shape, training: bool, watch: Watch | None) -> Compiled:
        """Segments "forward" (x → output) and "backward" (output_gradient → input_gradient, gradients)."""
        tape = self._forward(shape, training=training, watch=watch)
        dy = tape.recorder.input("output_gradient", tape.output.shape)
        with tape.recorder.segment("backward"):
            dx = self._backward(tape, dy, keep_input_gradient=True)
        tape.recorder.output("output", tape.output)
        if dx is not None:
            tape.recorder.output("input_gradient", dx)
        return self._done(tape)

    def update(self, options: StepOptions) -> Compiled:
        """Gradients as they stand → parameters; outputs gradient_norm and ok."""
        recorder = Recorder()
        with recorder.segment("update"), recorder.span("", "update"):
            self._update(recorder, options, None)
        return Compiled(recorder.finish())

    def step(
        self, shape: Shape, target: Shape, target_dtype: Any, options: StepOptions, watch: Watch | None
    ) -> Compiled:
        """The whole training step: segments forward, loss, backward, update."""
        tape = self._forward(shape, training=True, watch=watch)
        recorder = tape.recorder
        with recorder.segment("loss"):
            loss, dy = self._loss(tape, target, target_dtype, options.loss)
        with recorder.segment("backward"):
            self._backward(tape, dy, keep_input_gradient=False)
        with recorder.segment("update"), recorder.span("", "update"):
            self._update(recorder, options, loss, tape.watcher)
        return self._done(tape)

    # parts ---------------------------------------------------------------------------------------------------------

    def _forward(self, shape: Shape, *, training: bool, watch: Watch | None) -> _Tape:
        recorder = Recorder()
        dtype = np.float32 if self.ids is None else np.int32
        x = recorder.input("x", shape, dtype)
        draw = recorder.input("draw", (), np.uint32)
        parameters = self._parameters(recorder)
        watcher = RecordingWatcher(recorder, watch, parameters, self.layers[0][0])
        run = Run(parameters, training, draw, self.seed, watcher)
        tape = _Tape(recorder, run, watcher, x)
        with recorder.segment("forward"):
            for path, layer in self.layers:
                tape.output, cache = run.forward(path, layer, tape.output)
                tape.caches.append(cache)
        return tape

    def _backward(self, tape: _Tape, dy: Tensor | None, *, keep_input_gradient: bool) -> Tensor | None:
        for (path, layer), cache in zip(reversed(self.layers), reversed(tape.caches), strict=True):
            if dy is None:
                break  # what stands before a layer that takes ids only passes them on
            dy = tape.run.backward(path, layer, cache, dy)
        tape.watcher.close_backward(dy, kept=keep_input_gradient)
        for name, gradient in tape.run.gradients.items():
            place = self.layout.places[name]
            slot = tape.recorder.persistent(GRADIENTS, place.offset, place.parameter.shape, f"d{name}")
            tape.recorder.bind(gradient, slot)
        return dy

    def _loss(self, tape: _Tape, target: Shape, dtype: Any, loss: Loss) -> tuple[Tensor, Tensor]:
        recorder = tape.recorder
        wanted = recorder.input("target", target, dtype)
        with recorder.span("", "loss"):
            value, dy = loss.head(self.gives)(tape.output, wanted, *loss.extra(), **loss.attrs())
            recorder.output("loss", value)
            if loss.classes:
                recorder.output("correct", ops.correct_count(tape.output, wanted))
        return value, dy

    def _update(
        self, recorder: Recorder, options: StepOptions, loss: Tensor | None, watcher: RecordingWatcher | None = None
    ) -> None:
        count = self.layout.sizes[WEIGHTS] // 4
        weights = recorder.persistent(WEIGHTS, 0, (count,), "weights")
        gradients = recorder.persistent(GRADIENTS, 0, (count,), "gradients")
        optimizer = options.optimizer
        state = {
            name: recorder.persistent(optimizer_area(optimizer.name, name), 0, (count,), name)
            for name in optimizer.state()
        }
        rate = recorder.input("learning_rate", ())
        number = recorder.input("update_number", ())
        norm = ops.global_norm(gradients)
        ok = ops.finite_guard(norm if loss is None else loss, norm)
        if options.clip_value is not None:
            ops.clip_values(gradients, limit=options.clip_value)
        scale = None
        if options.clip_norm is not None:
            clipped = ops.global_norm(gradients) if options.clip_value is not None else norm
            scale = ops.clip_scale(clipped, max_norm=options.clip_norm)
        before = watcher.before_update(weights) if watcher else None
        optimizer.update(weights, gradients, state, rate, number, scale, ok)
        if watcher:
            watcher.after_update(weights, before, {p.name: p.elements for p in self.layout.trained})
        recorder.output("gradient_norm", norm)
        recorder.output("ok", ok)

    def _parameters(self, recorder: Recorder) -> Mapping[str, Tensor]:
        return {
            name: recorder.persistent(place.area, place.offset, place.parameter.shape, name)
            for name, place in self.layout.places.items()
        }

    def _done(self, tape: _Tape) -> Compiled:
        return Compiled(tape.recorder.finish(), tuple(tape.watcher.passes))
