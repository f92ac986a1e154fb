"""Instrumentation of a Program: the statistics that a run measures, recorded beside the layers' own instructions."""

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
from loom_py.telemetry.observations import LayerPass

SAMPLED_BYTES = 16 * 1024
"""Bytes of a layer's outputs that are kept by default: small beside a step's own traffic."""


@dataclass(frozen=True)
class StatsRequest:
    """The statistics that observers ask of a run: hashable, since a Program is compiled for it.

    Attributes:
        layers: paths to measure, None for all.
        values: keep copies of outputs and of their gradients.
        histograms: count outputs in logarithmic bins.
        samples: keep copies of outputs of the first samples of the batch, as many as fit in SAMPLED_BYTES.
    """

    layers: frozenset[str] | None = None
    values: bool = False
    histograms: bool = False
    samples: bool = False

    def wants(self, path: str) -> bool:
        """Whether a layer is measured."""
        return self.layers is None or path in self.layers

    def union(self, other: StatsRequest) -> StatsRequest:
        """The request that satisfies both."""
        both = None if self.layers is None or other.layers is None else self.layers | other.layers
        return StatsRequest(
            both, self.values or other.values, self.histograms or other.histograms, self.samples or other.samples
        )


@dataclass(frozen=True, slots=True)
class WeightUpdate:
    """The update of a stretch of the flat weights, from element `start` to `stop`.

    Attributes:
        direction: what the optimizer leaves that the weights moved along by `rate` (· `scale`); None: the weights are
            compared with those before.
    """

    start: int
    stop: int
    optimizer: Optimizer
    weights: Tensor
    gradients: Tensor
    state: Mapping[str, Tensor]
    rate: Tensor
    direction: Tensor | None
    scale: Tensor | None


class StatsRecorder:
    """Follows the walk through the layers, opens spans in the recorder and records the statistics asked for."""

    def __init__(
        self, recorder: Recorder, request: StatsRequest | None, weights: Mapping[str, Any], first: str
    ) -> None:
        self.recorder = recorder
        self.request = request
        self.weights = weights
        self.first = first
        self.passes: list[LayerPass] = []
        self._deferred: list[tuple[LayerPass, Tensor]] = []
        self.shapes: dict[str, tuple[Shape, Shape]] = {}
        self.unit_axes: dict[str, int] = {}
        self._gradients: dict[str, int] = {}
        self._norm_of: dict[int, Tensor] = {}
        self._axes: dict[int, int] = {}
        self._input_axes: dict[str, int] = {}
        self._known: dict[tuple[int, str], int] = {}
        self._norms: list[tuple[LayerPass, str, Any, Tensor]] = []  # to be measured: pass, part, kind, array

    def span(self, path: str, phase: str) -> AbstractContextManager[None]:
        return self.recorder.span(path, phase)

    def forward(self, path: str, layer: Layer, x: Tensor, y: Tensor) -> None:
        self.shapes[path] = x.shape, y.shape
        # Four axes without a declared unit axis are images, N,C,H,W.
        self._input_axes[path] = self._axes.get(x.index, 1 if len(x.shape) == 4 else -1)
        same = self._axes.get(y.index, self._input_axes[path])  # a container's output may be its last layer's
        self.unit_axes[path] = self._axes[y.index] = layer.units_after(same, len(x.shape))
        if self.request is None or not self.request.wants(path):
            return
        parts = {}
        with self._observing(path):
            parts["output"] = self._stats("output", path, "forward", y, self.unit_axes[path])
            self._extras(parts, path, "forward", y)
        layer_pass = LayerPass(path, "forward", x.shape, y.shape, parts)
        self.passes.append(layer_pass)
        self._weigh(layer_pass, layer)

    def backward(self, path: str, layer: Layer, dy: Tensor, dx: Tensor | None, gradients: Mapping[str, Tensor]) -> None:
        if self.request is None or not self.request.wants(path):
            return
        self._gradients |= {f"{path}.{name}": gradient.index for name, gradient in gradients.items()}
        parts = {}
        with self._observing(path):
            parts["output"] = self._stats("gradient", path, "backward", dy, self.unit_axes[path])
            if dx is not None and path.partition(".")[0] != self.first:
                parts["input_gradient"] = self._stats("input_gradient", path, "backward", dx, self._input_axes[path])
            self._extras(parts, path, "backward", dy)
        layer_pass = LayerPass(path, "backward", *self.shapes[path], parts)
        self.passes.append(layer_pass)
        self._weigh(layer_pass, layer)
        self._norms += [(layer_pass, f"gradient.{name}", "gradient", array) for name, array in gradients.items()]
        if dx is not None and path.partition(".")[0] == self.first:
            self._deferred.append((layer_pass, dx))

    def _weigh(self, layer_pass: LayerPass, layer: Layer) -> None:
        """Note the layer's trained arrays, to be measured once for both passes."""
        for p in layer.parameters():
            if p.trained:
                weight = self.weights[f"{layer_pass.path}.{p.name}"]
                self._norms.append((layer_pass, f"weight.{p.name}", "parameter", weight))

    def close_backward(self, input_gradient: Tensor | None, *, kept: bool) -> None:
        """Measure the input gradients inside the first layer: only now it is known which of them is the network's.

        That one is measured only when it is `kept` anyway: computing it for observers alone would cost the most of all.
        """
        for layer_pass, dx in self._deferred:
            if kept or input_gradient is None or dx.index != input_gradient.index:
                with self._observing(layer_pass.path):
                    index = self._stats(
                        "input_gradient", layer_pass.path, "backward", dx, self._input_axes[layer_pass.path]
                    )
                    layer_pass.parts["input_gradient"] = index

    def measure_norms(self) -> None:
        """Measure weights and gradients: all together, and before anything changes them."""
        for layer_pass, part, kind, array in self._norms:
            with self._observing(layer_pass.path):
                name = part.partition(".")[2]
                layer_pass.parts[part] = self._norm(kind, layer_pass.path, layer_pass.phase, array, name)
        self._norms = []

    def before_update(self, weights: Tensor) -> Tensor | None:
        """Copy the weights before the update, when its length is asked for."""
        if not any(p.phase == "backward" for p in self.passes):
            return None
        with self.recorder.span("", "observe"):
            return cast("Tensor", ops.copy(weights))

    def forget_gradients(self) -> None:
        """Forget the measured gradients: the update uses others."""
        self._gradients.clear()

    def after_update(
        self,
        weights: Tensor,
        before: Tensor | None,
        places: Mapping[str, tuple[int, int]],
        updates: Sequence[WeightUpdate] = (),
        ok: Tensor | None = None,
    ) -> None:
        """Measure the length of each parameter's update; `places` are element ranges in `weights` by full name."""
        for layer_pass in self.passes:
            if layer_pass.phase != "backward":
                continue
            with self._observing(layer_pass.path):
                for key in [k for k in layer_pass.parts if k.startswith("gradient.")]:
                    name = key.removeprefix("gradient.")
                    full = f"{layer_pass.path}.{name}"
                    start, stop = places[full]
                    update = next((update for update in updates if update.start <= start < update.stop), None)
                    if update is not None and update.direction is not None:
                        length = self._length(full, update, start, stop, ok)
                    else:
                        now, then = (ops.rows(whole, start=start, stop=stop) for whole in (weights, before))
                        length = ops.distance(now, then)
                    layer_pass.parts[f"update.{name}"] = self._note(
                        "parameter", layer_pass.path, "update", length, name
                    )
                    # Measured in the forward pass: the backward pass does not change the weights.
                    weight = self.weights[full]
                    layer_pass.parts[f"before.{name}"] = self._known[weight.index, "norm"]

    def _length(self, full: str, update: WeightUpdate, start: int, stop: int, ok: Tensor | None) -> Tensor:
        """Length of a parameter's update along its optimizer's direction; 0 where the step was refused."""
        measured = self._gradients.get(full, -1) if update.direction is update.gradients else -1
        norm = self._norm_of.get(measured)
        if norm is None:
            norm = ops.global_norm(ops.rows(update.direction, start=start - update.start, stop=stop - update.start))
        length: Tensor = ops.multiply(norm, update.rate)
        if update.scale is not None:
            length = ops.multiply(length, update.scale)
        ops.restore_unless(length, 0.0, ok)
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
        """Record what observers ask for beyond statistics."""
        assert self.request is not None
        if self.request.values:
            parts["values"] = self._note("values", path, phase, ops.copy(tensor))
        elif self.request.samples and phase == "forward":
            parts["values"] = self._note("values", path, phase, ops.copy(_first_samples(tensor)))
        if self.request.histograms:
            parts["histogram"] = self._note("histogram", path, phase, ops.histogram(tensor))

    def _note(self, kind: Any, path: str, phase: str, tensor: Tensor, name: str = "") -> int:
        self.recorder.observe(kind, path, phase, tensor, name)
        return len(self.recorder.observations) - 1


def _first_samples(outputs: Tensor) -> Tensor:
    """Outputs (B,…) of the first samples that fit in SAMPLED_BYTES, at least one: each has all units."""
    batch = outputs.shape[0]
    count = max(SAMPLED_BYTES * batch // outputs.spec.nbytes, 1)
    return outputs if count >= batch else cast("Tensor", ops.rows(outputs, start=0, stop=count))


@dataclass(frozen=True, slots=True)
class StepInfo:
    """The position of a run in its training."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
