"""Norms of a PyTorch model's arrays in one step: weights, gradients, updates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from loom_py.telemetry.events import ParameterStats
from loom_py.telemetry.statistics import NOT_MEASURED

if TYPE_CHECKING:
    from torch import Tensor

SMALL, LARGE = 1e-12, 1e12  # float32 holds the squares of values in between, and sums of them


def norm(values: Tensor) -> Tensor:
    """L2 norm, in float64 where the device has that and float32 is not enough, so that no sum of squares overflows."""
    import torch

    x = values.detach()
    if x.is_sparse:
        x = x.coalesce().values()
    if x.device.type == "mps":
        return torch.linalg.vector_norm(x.float())
    if x.device.type == "cpu" and x.dtype is torch.float32:
        quick = torch.linalg.vector_norm(x)
        if SMALL < float(quick) < LARGE:  # a GPU would have to be waited for
            return quick
    return torch.linalg.vector_norm(x, dtype=torch.complex128 if x.is_complex() else torch.float64)


class ParameterNorms:
    """Norms of arrays, kept on their devices until the end of the step.

    Attributes:
        gradients: norms of gradients as they were accumulated, before clipping.
    """

    def __init__(self) -> None:
        self.gradients: dict[Tensor, Tensor] = {}
        self._before: dict[Tensor, Tensor] = {}
        self._weights: dict[Tensor, Tensor] = {}
        self._updates: dict[Tensor, Tensor] = {}

    def begin_update(self, parameters: Iterable[Tensor]) -> None:
        """Take the norms before an update, and copy the arrays that it may change."""
        for parameter in parameters:
            self._weights[parameter] = norm(parameter)
            if parameter.requires_grad:
                self._before[parameter] = parameter.detach().clone()

    def end_update(self) -> None:
        """Take the norms of the update."""
        for parameter, before in self._before.items():
            self._updates[parameter] = norm(parameter.detach() - before)
        self._before = {}

    def tensors(self, parameter: Tensor) -> list[Tensor | None]:
        """Norms of weights, gradient and update of an array; None where there is none."""
        return [kind.get(parameter) for kind in (self._weights, self.gradients, self._updates)]


def total(norms: Iterable[float]) -> float:
    """The norm of arrays together, √Σ norm²; not measured if there is none."""
    found = [value for value in norms if value is not NOT_MEASURED]
    largest = max(found, default=0.0)
    if not found or not 0 < largest < float("inf"):
        return sum(found) if found else NOT_MEASURED
    return float(largest * sum((value / largest) ** 2 for value in found) ** 0.5)


def ratio(update: float, weight: float) -> float:
    """‖update‖ over ‖weight‖; 0 where nothing moved."""
    return 0.0 if update == 0 else update / weight if weight else update * float("inf")


def stats_of(weight: float, gradient: float, update: float) -> ParameterStats:
    """The record of one array."""
    moved = NOT_MEASURED if update is NOT_MEASURED else ratio(update, weight)
    return ParameterStats(weight_norm=weight, gradient_norm=gradient, update_ratio=moved)
