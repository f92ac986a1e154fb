"""The hooks in a PyTorch model, and what they keep of the step under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Protocol

from loom_py.telemetry.instrument import StatsRequest
from loom_py.watch.arrays import ParameterNorms, norm
from loom_py.watch.layers import WatchedLayer, watched_layers
from loom_py.watch.rows import Row, Wanted

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


class Steps(Protocol):
    """Who is told of the steps."""

    def begin(self) -> StatsRequest | None:
        """A step begins; returns what to measure in it, None for nothing."""

    def loss(self, value: Tensor) -> None:
        """The loss of a pass."""

    def end(self) -> None:
        """A step has ended."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is hooked: a model, its optimizer, its loss if that is a module, the scaler of mixed precision."""

    model: nn.Module
    optimizer: Optimizer
    loss: nn.Module | None
    scaler: Any


class Hooks:
    """Measures the steps of a model that someone listens to.

    Attributes:
        layers: the modules that are watched.
        ran: those that ran in this step, in order of execution.
        backward: those that a gradient reached, in that order.
        norms: norms of the arrays in this step.
        measuring: whether the step is measured; None before it begins.
    """

    def __init__(self, target: Target, steps: Steps) -> None:
        self._target, self._steps = target, steps
        self.layers = list(watched_layers(target.model))
        self.ran: list[WatchedLayer] = []
        self.backward: list[WatchedLayer] = []
        self.norms = ParameterNorms()
        self.measuring: bool | None = None
        self._request = StatsRequest()
        self._handles = list(self._register())

    def remove(self) -> None:
        """Take all hooks out of the model."""
        self.measuring = False
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _register(self) -> Iterator[Any]:
        owned: dict[Tensor, None] = {}
        for layer in self.layers:
            yield layer.module.register_forward_pre_hook(self._before_call(layer))
            yield layer.module.register_forward_hook(self._after_call(layer), with_kwargs=True)
            owned |= dict.fromkeys(layer.parameters.values())
        for parameter in owned:
            if parameter.requires_grad:
                yield parameter.register_post_accumulate_grad_hook(self._after_gradient)
        yield self._target.optimizer.register_step_pre_hook(lambda *_: self._before_update(list(owned)))
        yield self._target.optimizer.register_step_post_hook(lambda *_: self._after_update())
        if self._target.loss is not None:
            yield self._target.loss.register_forward_hook(lambda module, inputs, output: self._after_loss(output))

    # -- the forward pass

    def _trains(self) -> bool:
        import torch

        return bool(self._target.model.training and torch.is_grad_enabled())

    def _in_measured_step(self) -> bool:
        if not self._trains():
            return False
        if self.measuring is None:
            self._begin()
        return bool(self.measuring)

    def _begin(self) -> None:
        for layer in self.layers:
            layer.reset()
        self.ran, self.backward, self.norms = [], [], ParameterNorms()
        request = self._steps.begin()
        self.measuring = request is not None
        self._request = request or self._request

    def _before_call(self, layer: WatchedLayer) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any) -> None:
            if self._in_measured_step():
                layer.started_ns = perf_counter_ns()

        return hook

    def _after_call(self, layer: WatchedLayer) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
            now = perf_counter_ns()
            if not self._in_measured_step() or (y := first_tensor(output)) is None:
                return
            layer.note_time(y, now - layer.started_ns)
            x = first_tensor((args, kwargs), floating=False)
            layer.note_shapes(y if x is None else x, y, before=self.ran[-1].unit_axis if self.ran else -1)
            if layer not in self.ran:
                self.ran.append(layer)
            if self._request.layers is None or layer.path in self._request.layers:
                self._measure(layer, y)

        return hook

    def _measure(self, layer: WatchedLayer, y: Tensor) -> None:
        axis = layer.unit_axis if y.ndim > 1 else None
        if layer.forward is None:
            request = self._request
            layer.forward = Row(y, axis, Wanted(request.values, request.samples, request.histograms))
        else:
            layer.forward.add(y, axis)
        if y.requires_grad:
            y.register_hook(lambda gradient: self._after_backward(layer, gradient, axis))

    def _after_loss(self, output: Any) -> None:
        value = first_tensor(output)
        if value is not None and self._trains():
            self._steps.loss(value.detach().mean())

    # -- the backward pass and the update

    def _unscaled(self, value: Tensor) -> Tensor:
        scaler = self._target.scaler
        return value if scaler is None else value / float(scaler.get_scale())

    def _after_backward(self, layer: WatchedLayer, gradient: Tensor, axis: int | None) -> None:
        if not self.measuring:
            return
        values = self._unscaled(gradient.detach())
        if layer.backward is None:
            layer.backward = Row(values, axis, Wanted(self._request.values, False, self._request.histograms))
            self.backward.append(layer)
        else:
            layer.backward.add(values, axis)

    def _after_gradient(self, parameter: Tensor) -> None:
        if self.measuring and parameter.grad is not None:
            self.norms.gradients[parameter] = self._unscaled(norm(parameter.grad))

    def _before_update(self, parameters: list[Tensor]) -> None:
        if self.measuring:
            self.norms.begin_update(parameters)

    def _after_update(self) -> None:
        if self.measuring:
            self.norms.end_update()
        self._steps.end()
        self.measuring = None


def first_tensor(found: Any, *, floating: bool = True) -> Tensor | None:
    """The first tensor in what a module took or returned: tuples, lists and dicts are searched in order.

    Args:
        found: a tensor, or what holds tensors.
        floating: pass over tensors of whole numbers.
    """
    import torch

    if isinstance(found, torch.Tensor):
        return found if not floating or found.is_floating_point() or found.is_complex() else None
    if isinstance(found, Mapping):
        found = list(found.values())
    if isinstance(found, tuple | list):
        for each in found:
            if (tensor := first_tensor(each, floating=floating)) is not None:
                return tensor
    return None
