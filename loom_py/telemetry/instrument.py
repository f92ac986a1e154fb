"""Observation inside a Program: which statistics are recorded, where and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from loom_py import ops
from loom_py.layers import Layer
from loom_py.ops import Tensor
from loom_py.optimizers import Optimizer
from loom_py.program import Recorder
from loom_py.shapes import Shape
from loom_py.telemetry.observations import Passed


@dataclass(frozen=True)
class Watch:
    """What observers want of a run: hashable, since a Program is compiled for it.

    Attributes:
        layers: paths to watch, None for all.
        values: keep copies of outputs.
        histograms: count outputs in logarithmic bins.
    """

    layers: frozenset[str] | None = None
    values: bool = False
    histograms: bool = False

    def wants(self, path: str) -> bool:
        """Whether a layer is watched."""
        return self.layers is None or path in self.layers

    def union(self, other: Watch) -> Watch:
        """What satisfies both."""
        both = None if self.layers is None or other.layers is None else self.layers | other.layers
        return Watch(both, self.values or other.values, self.histograms or other.histograms)


@dataclass(frozen=True, slots=True)
class Step:
    """The update of a stretch of the flat weights, from element `start` to `stop`.

    Attributes:
        left: what the optimizer leaves of which the weights lost `rate` (· `scale`) times; None: weights are compared.
    """

    start: int
    stop: int
    optimizer: Optimizer
    weights: Tensor
    gradients: Tensor
    state: Mapping[str, Tensor]
    rate: Tensor
    left: Tensor | None
    scale: Tensor | None


class RecordingWatcher:
    """Follows the walk through the layers, opens spans in the recorder and records statistics where wanted."""

    def __init__(self, recorder: Recorder, watch: Watch | None, weights: Mapping[str, Any], first: str) -> None:
        self.recorder = recorder
        self.watch = watch
        self.weights = weights
        self.first = first
        self.passes: list[Passed] = []
        self._unmeasured: list[tuple[Passed, Tensor]] = []
        self.shapes: dict[str, tuple[Shape, Shape]] = {}
        self.unit_axes: dict[str, int] = {}
        self._gradients: dict[str, int] = {}
        self._norm_of: dict[int, Tensor] = {}
        self._axes: dict[int, int] = {}
        self._came: dict[str, int] = {}
        self._known: dict[tuple[int, str], int] = {}
        self._norms: list[tuple[Passed, str, Any, Tensor]] = []  # to be measured: pass, part, kind, array

    def span(self, path: str, phase: str) -> AbstractContextManager[None]:
        return self.recorder.span(path, phase)

    def forward(self, path: str, layer: Layer, x: Tensor, y: Tensor) -> None:
        self.shapes[path] = x.shape, y.shape
        # Four axes that no layer has spoken of are images, N,C,H,W.
        self._came[path] = self._axes.get(x.index, 1 if len(x.shape) == 4 else -1)
        same = self._axes.get(y.index, self._came[path])  # a container's output may be its last layer's
        self.unit_axes[path] = self._axes[y.index] = same if layer.unit_axis is None else layer.unit_axis
        if self.watch is None or not self.watch.wants(path):
            return
        parts = {}
        with self._observing(path):
            parts["output"] = self._stats("output", path, "forward", y, self.unit_axes[path])
            self._extras(parts, path, "forward", y)
        passed = Passed(path, "forward", x.shape, y.shape, parts)
        self.passes.append(passed)
        for p in layer.parameters():
            if p.trained:
                self._norms.append((passed, f"weight.{p.name}", "parameter", self.weights[f"{path}.{p.name}"]))

    def backward(self, path: str, layer: Layer, dy: Tensor, dx: Tensor | None, gradients: Mapping[str, Tensor]) -> None:
        if self.watch is None or not self.watch.wants(path):
            return
        self._gradients |= {f"{path}.{name}": gradient.index for name, gradient in gradients.items()}
        parts = {}
        with self._observing(path):
            parts["output"] = self._stats("gradient", path, "backward", dy, self.unit_axes[path])
            if dx is not None and path.partition(".")[0] != self.first:
                parts["input_gradient"] = self._stats("input_gradient", path, "backward", dx, self._came[path])
            self._extras(parts, path, "backward", dy)
        passed = Passed(path, "backward", *self.shapes[path], parts)
        self.passes.append(passed)
        self._norms += [(passed, f"gradient.{name}", "gradient", array) for name, array in gradients.items()]
        if dx is not None and path.partition(".")[0] == self.first:
            self._unmeasured.append((passed, dx))

    def close_backward(self, input_gradient: Tensor | None, *, kept: bool) -> None:
        """Measure the input gradients inside the first layer: only now it is known which of them is the network's.

        That one is computed for observers only when it is `kept` anyway: for the first layer it is the dearest of all.
        """
        for passed, dx in self._unmeasured:
            if kept or input_gradient is None or dx.index != input_gradient.index:
                with self._observing(passed.path):
                    index = self._stats("input_gradient", passed.path, "backward", dx, self._came[passed.path])
                    passed.parts["input_gradient"] = index

    def measure_norms(self) -> None:
        """Measure weights and gradients: all at once, and before anything changes them."""
        for passed, part, kind, array in self._norms:
            with self._observing(passed.path):
                name = part.partition(".")[2]
                passed.parts[part] = self._norm(kind, passed.path, passed.phase, array, name)
        self._norms = []

    def before_update(self, weights: Tensor) -> Tensor | None:
        """Keep the weights as they are before the update, when anyone wants to know how far it moves them."""
        if not any(p.phase == "backward" for p in self.passes):
            return None
        with self.recorder.span("", "observe"):
            return cast("Tensor", ops.copy(weights))

    def forget_gradients(self) -> None:
        """The gradients that are used are not those that were measured."""
        self._gradients.clear()

    def after_update(
        self,
        weights: Tensor,
        before: Tensor | None,
        places: Mapping[str, tuple[int, int]],
        steps: Sequence[Step] = (),
        ok: Tensor | None = None,
    ) -> None:
        """Measure how far each watched parameter was moved; `places` are element ranges in `weights` by full name."""
        for passed in self.passes:
            if passed.phase != "backward":
                continue
            with self._observing(passed.path):
                for key in [k for k in passed.parts if k.startswith("gradient.")]:
                    name = key.removeprefix("gradient.")
                    full = f"{passed.path}.{name}"
                    start, stop = places[full]
                    step = next((step for step in steps if step.start <= start < step.stop), None)
                    if step is not None and step.left is not None:
                        length = self._length(full, step, start, stop, ok)
                    else:
                        now, then = (ops.rows(whole, start=start, stop=stop) for whole in (weights, before))
                        length = ops.distance(now, then)
                    passed.parts[f"update.{name}"] = self._note("parameter", passed.path, "update", length, name)
                    # The forward pass has measured the weights, which the backward pass leaves alone.
                    weight = self.weights[full]
                    passed.parts[f"before.{name}"] = self._known[weight.index, "norm"]

    def _length(self, full: str, step: Step, start: int, stop: int, ok: Tensor | None) -> Tensor:
        """How far a parameter was moved, by what its optimizer left; nowhere where the step was refused."""
        measured = self._gradients.get(full, -1) if step.left is step.gradients else -1
        norm = self._norm_of.get(measured)
        if norm is None:
            norm = ops.global_norm(ops.rows(step.left, start=start - step.start, stop=stop - step.start))
        length: Tensor = ops.multiply(norm, step.rate)
        if step.scale is not None:
            length = ops.multiply(length, step.scale)
        ops.undo(length, 0.0, ok)
        return length

    @contextmanager
    def _observing(self, path: str) -> Iterator[None]:
        with self.recorder.span(path, "observe"):
            yield

    def _stats(self, kind: Any, path: str, phase: str, tensor: Tensor, unit_axis: int) -> int:
        key = (tensor.index, "stats")
        if key not in self._known:
            row = ops.stats(tensor, unit_axis=unit_axis if len(tensor.shape) > 1 else None)
            self._known[key] = self._note(kind, path, phase, row)
        return self._known[key]

    def _norm(self, kind: Any, path: str, phase: str, tensor: Tensor, name: str) -> int:
        key = (tensor.index, "norm")
        if key not in self._known:
            norm = self._norm_of[tensor.index] = ops.global_norm(tensor)
            self._known[key] = self._note(kind, path, phase, norm, name)
        return self._known[key]

    def _extras(self, parts: dict[str, int], path: str, phase: str, tensor: Tensor) -> None:
        """What is recorded only when asked for."""
        assert self.watch is not None
        if self.watch.values:
            parts["values"] = self._note("values", path, phase, ops.copy(tensor))
        if self.watch.histograms:
            parts["histogram"] = self._note("histogram", path, phase, ops.histogram(tensor))

    def _note(self, kind: Any, path: str, phase: str, tensor: Tensor, name: str = "") -> int:
        self.recorder.observe(kind, path, phase, tensor, name)
        return len(self.recorder.observations) - 1


@dataclass(frozen=True, slots=True)
class Moment:
    """When a run happened."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
