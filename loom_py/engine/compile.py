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
from loom_py.layers.given import Given, LayerPlace
from loom_py.losses import Loss
from loom_py.ops import Tensor
from loom_py.program import Program, Recorder
from loom_py.shapes import Shape
from loom_py.telemetry.instrument import StatsRecorder, StatsRequest
from loom_py.telemetry.observations import LayerPass

Role = Literal["whole", "part", "last"]
"""Role of a batch in its step: the whole of it, a micro-batch, or the last micro-batch."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A Program and the layers' passes that it measures."""

    program: Program
    passes: Sequence[LayerPass] = ()


@dataclass(slots=True)
class _Tape:
    """A recording in progress: the walk so far and what backward needs of it."""

    recorder: Recorder
    run: Run
    stats: StatsRecorder
    output: Tensor
    caches: list[Any] = field(default_factory=list)
    buffers: Tensor | None = None  # all buffers as they were before the forward pass


class Compiler:
    """Records the Programs of one set of layers over one layout."""

    def __init__(self, layers: Sequence[tuple[str, Layer]], layout: Layout, seed: int) -> None:
        self.layers = layers
        self.layout = layout
        self.seed = seed
        self.unit_axes: dict[str, int] = {}
        """Axis of units in each layer's output, by path; filled by `survey`."""
        self._surveys: dict[Shape, tuple[dict[str, tuple[Shape, Shape]], Program]] = {}

    def gives(self, shape: Shape, *, training: bool = True) -> Given:
        """Kind and limits of the network's outputs for inputs of this shape, batch included."""
        shapes, _ = self.survey((1, *shape[1:]))
        return chain_gives([(LayerPlace(path, shapes, training), layer) for path, layer in self.layers], Given())

    @property
    def ids(self) -> int | None:
        """Number of ids that the input can take; None where it takes values."""
        return chain_ids([layer for _, layer in self.layers])

    def survey(self, shape: Shape) -> tuple[dict[str, tuple[Shape, Shape]], Program]:
        """Every layer's input and output shape without batch, by path, and the inference Program.

        Raises:
            ShapeError: a layer does not fit the output before it; the text names its path.
        """
        if shape not in self._surveys:
            tape = self._forward(Form(shape), training=False, request=None)
            tape.recorder.output("output", tape.output)
            shapes = {p: (x[1:], y[1:]) for p, (x, y) in tape.stats.shapes.items()}
            self.unit_axes = tape.stats.unit_axes
            self._surveys[shape] = shapes, tape.recorder.finish()
        return self._surveys[shape]

    def inference(self, form: Form, request: StatsRequest | None = None) -> Compiled:
        """x → output, nothing kept for backward."""
        tape = self._forward(form, training=False, request=request)
        tape.recorder.output("output", tape.output)
        return self._done(tape)

    def evaluation(self, form: Form, loss: Loss) -> Compiled:
        """x, target → output, loss and (for classes) the number of correct answers."""
        tape = self._forward(form, training=False, request=None)
        self._loss(tape, form, loss)
        tape.recorder.output("output", tape.output)
        return self._done(tape)

    def manual(self, form: Form, training: bool, request: StatsRequest | None) -> Compiled:
        """Segments "forward" (x → output) and "backward" (output_gradient → input_gradient, gradients)."""
        tape = self._forward(form, training=training, request=request)
        dy = tape.recorder.input("output_gradient", tape.output.shape)
        with tape.recorder.segment("backward"):
            dx = self._backward(tape, dy, keep_input_gradient=True)
        tape.recorder.output("output", tape.output)
        if dx is not None:
            tape.recorder.output("input_gradient", dx)
        return self._done(tape)

    def update(self, options: StepOptions) -> Compiled:
        """Current gradients → parameters; outputs gradient_norm and ok."""
        recorder = Recorder()
        with recorder.segment("update"), recorder.span("", "update"):
            record_update(recorder, self.layout, options, None)
        return Compiled(recorder.finish())

    def step(
        self,
        form: Form,
        options: StepOptions,
        request: StatsRequest | None,
        role: Role = "whole",
        *,
        late: bool = False,
    ) -> Compiled:
        """The whole training step: segments forward, loss, backward, update.

        Of a batch in micro-batches all but the last are a "part": its share of the gradients is added to the sum (the
        first starts the sum) and nothing is updated. With `late` results a refused step makes all later ones refused,
        until the flag in UPDATES_ALLOWED is set again.
        """
        tape = self._forward(form, training=True, request=request, step=True, keep_buffers=role != "part")
        recorder = tape.recorder
        with recorder.segment("loss"):
            loss, dy = self._loss(tape, form, options.loss)
        with recorder.segment("backward"):
            self._backward(tape, dy, keep_input_gradient=False)
        with recorder.segment("update"), recorder.span("", "update"):
            if role != "whole":
                record_sum(recorder, self.layout, last=role == "last")
            if role != "part":
                ok = record_update(recorder, self.layout, options, loss, tape.stats, late=late, summed=role != "whole")
                if tape.buffers is not None:
                    ops.restore_unless(whole_area(recorder, self.layout, BUFFERS), tape.buffers, ok)
        return self._done(tape)

    # parts ---------------------------------------------------------------------------------------------------------

    def _forward(
        self,
        form: Form,
        *,
        training: bool,
        request: StatsRequest | None,
        step: bool = False,
        keep_buffers: bool = False,
    ) -> _Tape:
        recorder = Recorder()
        dtype = np.float32 if self.ids is None else np.int32
        x = recorder.input("x", form.shape, dtype)
        draw = recorder.input("draw", (), np.uint32)
        parameters = self._parameters(recorder)
        stats = StatsRecorder(recorder, request, parameters, self.layers[0][0])
        mask = recorder.input("mask", form.shape[:2]) if form.masked else None
        run = Run(parameters, training, draw, self.seed, stats, mask=mask)
        tape = _Tape(recorder, run, stats, x)
        with recorder.segment("forward"):
            if keep_buffers and self.layout.sizes[BUFFERS]:
                tape.buffers = ops.copy(whole_area(recorder, self.layout, BUFFERS))
            for path, layer in self.layers:
                tape.output, cache = run.forward(path, layer, tape.output)
                tape.caches.append(cache)
            if not step:
                stats.measure_norms()
        return tape

    def _backward(self, tape: _Tape, dy: Tensor | None, *, keep_input_gradient: bool) -> Tensor | None:
        for (path, layer), cache in zip(reversed(self.layers), reversed(tape.caches), strict=True):
            if dy is None:
                break  # layers before one that takes ids only pass them on
            dy = tape.run.backward(path, layer, cache, dy)
        tape.stats.close_backward(dy, kept=keep_input_gradient)
        for name, gradient in tape.run.gradients.items():
            place = self.layout.places[name]
            slot = tape.recorder.persistent(GRADIENTS, place.offset, place.parameter.shape, f"d{name}")
            tape.recorder.bind(gradient, slot)
        tape.stats.measure_norms()
        return dy

    def _loss(self, tape: _Tape, form: Form, loss: Loss) -> tuple[Tensor, Tensor]:
        recorder = tape.recorder
        wanted = recorder.input("target", form.target, form.target_dtype)
        kind = self.gives(form.shape, training=tape.run.training).kind
        with recorder.span("", "loss"):
            value, dy = loss.head(kind)(tape.output, wanted, *loss.extra(), **loss.attrs())
            recorder.output("loss", value)
            correct = loss.correct(tape.output, wanted, kind)
            if correct is not None:
                recorder.output("correct", correct)
        return value, dy

    def _parameters(self, recorder: Recorder) -> Mapping[str, Tensor]:
        return {
            name: recorder.persistent(place.area, place.offset, place.parameter.shape, name)
            for name, place in self.layout.places.items()
        }

    def _done(self, tape: _Tape) -> Compiled:
        return Compiled(tape.recorder.finish(), tuple(tape.stats.passes))
