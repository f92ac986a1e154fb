"""From layers to Programs: inference, evaluation, the manual loop's two halves, the update, the whole step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from loom_py import ops
from loom_py.engine.inputs import Form
from loom_py.engine.layout import BUFFERS, GRADIENTS, Layout
from loom_py.engine.update import StepOptions as StepOptions
from loom_py.engine.update import record_sum, record_update, whole_area
from loom_py.layers import Layer, Run
from loom_py.layers.chain import chain_gives, chain_ids
from loom_py.losses import Gives, Loss
from loom_py.ops import Tensor
from loom_py.program import Program, Recorder
from loom_py.shapes import Shape
from loom_py.telemetry.instrument import RecordingWatcher, Watch
from loom_py.telemetry.observations import Passed

Role = Literal["whole", "part", "last"]
"""What a batch is: all of a step, or a micro-batch of it, the last one or not."""


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
    buffers: Tensor | None = None  # all buffers as they were before the forward pass


class Compiler:
    """Records Programs for one set of layers over one layout."""

    def __init__(self, layers: Sequence[tuple[str, Layer]], layout: Layout, seed: int) -> None:
        self.layers = layers
        self.layout = layout
        self.seed = seed
        self.unit_axes: dict[str, int] = {}
        """Axis of each layer's output along which units lie, by path, once the layers were surveyed."""
        self._surveys: dict[Shape, tuple[dict[str, tuple[Shape, Shape]], Program]] = {}

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
        if shape not in self._surveys:
            tape = self._forward(Form(shape), training=False, watch=None)
            tape.recorder.output("output", tape.output)
            shapes = {p: (x[1:], y[1:]) for p, (x, y) in tape.watcher.shapes.items()}
            self.unit_axes = tape.watcher.unit_axes
            self._surveys[shape] = shapes, tape.recorder.finish()
        return self._surveys[shape]

    def inference(self, form: Form, watch: Watch | None = None) -> Compiled:
        """x → output, nothing kept for backward."""
        tape = self._forward(form, training=False, watch=watch)
        tape.recorder.output("output", tape.output)
        return self._done(tape)

    def evaluation(self, form: Form, loss: Loss) -> Compiled:
        """x, target → output, loss and (for classes) the count of right answers."""
        tape = self._forward(form, training=False, watch=None)
        self._loss(tape, form, loss)
        tape.recorder.output("output", tape.output)
        return self._done(tape)

    def manual(self, form: Form, training: bool, watch: Watch | None) -> Compiled:
        """Segments "forward" (x → output) and "backward" (output_gradient → input_gradient, gradients)."""
        tape = self._forward(form, training=training, watch=watch)
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
            record_update(recorder, self.layout, options, None)
        return Compiled(recorder.finish())

    def step(
        self, form: Form, options: StepOptions, watch: Watch | None, role: Role = "whole", *, late: bool = False
    ) -> Compiled:
        """The whole training step: segments forward, loss, backward, update.

        A batch that is worked through in micro-batches has a "part" for all but its last one, which adds its share of
        the gradients to the sum kept so far (a first part: to nothing) and updates nothing, and a "last". With `late`
        results a step that is refused has all after it refused, until the flag in STANDING is set again.
        """
        tape = self._forward(form, training=True, watch=watch, step=True, keep_buffers=role != "part")
        recorder = tape.recorder
        with recorder.segment("loss"):
            loss, dy = self._loss(tape, form, options.loss)
        with recorder.segment("backward"):
            self._backward(tape, dy, keep_input_gradient=False)
        with recorder.segment("update"), recorder.span("", "update"):
            if role != "whole":
                record_sum(recorder, self.layout, last=role == "last")
            if role != "part":
                ok = record_update(
                    recorder, self.layout, options, loss, tape.watcher, late=late, summed=role != "whole"
                )
                if tape.buffers is not None:
                    ops.undo(whole_area(recorder, self.layout, BUFFERS), tape.buffers, ok)
        return self._done(tape)

    # parts ---------------------------------------------------------------------------------------------------------

    def _forward(
        self, form: Form, *, training: bool, watch: Watch | None, step: bool = False, keep_buffers: bool = False
    ) -> _Tape:
        recorder = Recorder()
        dtype = np.float32 if self.ids is None else np.int32
        x = recorder.input("x", form.shape, dtype)
        draw = recorder.input("draw", (), np.uint32)
        parameters = self._parameters(recorder)
        watcher = RecordingWatcher(recorder, watch, parameters, self.layers[0][0])
        mask = recorder.input("mask", form.shape[:2]) if form.masked else None
        run = Run(parameters, training, draw, self.seed, watcher, mask=mask)
        tape = _Tape(recorder, run, watcher, x)
        with recorder.segment("forward"):
            if keep_buffers and self.layout.sizes[BUFFERS]:
                tape.buffers = ops.copy(whole_area(recorder, self.layout, BUFFERS))
            for path, layer in self.layers:
                tape.output, cache = run.forward(path, layer, tape.output)
                tape.caches.append(cache)
            if not step:
                watcher.measure_norms()
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
        tape.watcher.measure_norms()
        return dy

    def _loss(self, tape: _Tape, form: Form, loss: Loss) -> tuple[Tensor, Tensor]:
        recorder = tape.recorder
        wanted = recorder.input("target", form.target, form.target_dtype)
        with recorder.span("", "loss"):
            value, dy = loss.head(self.gives)(tape.output, wanted, *loss.extra(), **loss.attrs())
            recorder.output("loss", value)
            if loss.classes:
                ignore = {k: v for k, v in loss.attrs().items() if k == "ignore"}
                recorder.output("correct", ops.correct_count(tape.output, wanted, **ignore))
        return value, dy

    def _parameters(self, recorder: Recorder) -> Mapping[str, Tensor]:
        return {
            name: recorder.persistent(place.area, place.offset, place.parameter.shape, name)
            for name, place in self.layout.places.items()
        }

    def _done(self, tape: _Tape) -> Compiled:
        return Compiled(tape.recorder.finish(), tuple(tape.watcher.passes))
