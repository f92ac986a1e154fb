"""Statistics of a PyTorch tensor, as `ops.stats` defines them, computed where the tensor is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from loom_py import ops
from loom_py.shapes import AnyArray
from loom_py.telemetry.instrument import SAMPLED_BYTES
from loom_py.watch.arrays import LARGE, SMALL

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-30  # divides instead of a largest value of 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is kept of each tensor beside its row."""

    values: bool = False
    samples: bool = False
    histograms: bool = False


class Row:
    """The statistics of one tensor, or of several of the same layer in one step: a layer that runs twice is one layer.

    They stay on the tensor's device, so that a GPU is not waited for, until `read` asks for all rows at once, in the
    tensor's own precision but at least float32.
    """

    def __init__(self, tensor: Tensor, unit_axis: int | None, wanted: Wanted) -> None:
        self._alive: Tensor | None = None
        self._parts: list[list[Tensor]] = []
        self._counts = 0
        self.shape = tuple(tensor.shape)
        self.histogram: AnyArray | None = None
        self.values: AnyArray | None = None
        self._wanted = wanted
        self.add(tensor, unit_axis)

    def add(self, tensor: Tensor, unit_axis: int | None) -> None:
        """Take one more tensor of the layer into account."""
        import torch

        x = tensor.detach()
        if x.is_complex():
            x = torch.view_as_real(x)
        if x.dtype not in (torch.float32, torch.float64):
            x = x.float()
        self.shape = tuple(tensor.shape)
        self._counts += x.numel()
        self._keep(x)
        if not x.numel():
            return
        zeros = x.numel() - torch.count_nonzero(x)
        self._parts.append((_quick(x, zeros) if x.device.type == "cpu" else None) or _masked(x, zeros))
        if unit_axis is not None:
            alive = _alive(x, unit_axis % x.ndim, zeros)
            self._alive = alive if self._alive is None else self._alive | alive

    def _keep(self, x: Tensor) -> None:
        if self._wanted.histograms:
            counts = np.asarray(ops.histogram(x.float().cpu().numpy()))
            self.histogram = counts if self.histogram is None else self.histogram + counts
        if self._wanted.values or self._wanted.samples:
            count = len(x) if self._wanted.values or not x.ndim else max(SAMPLED_BYTES // max(x[0].numel() * 4, 1), 1)
            kept = (x[:count] if x.ndim else x).float().reshape(-1)
            self.values = kept.clone().cpu().numpy()  # a copy, since what follows may change the tensor in place

    def tensors(self) -> list[Tensor]:
        """What `read` needs of the device, as numbers of no dimension."""
        units = [] if self._alive is None else [self._alive.sum()]
        return [value for part in self._parts for value in part] + units

    def read(self, numbers: list[float]) -> dict[str, float]:
        """A row of STAT_FIELDS from the values of `tensors`.

        Several tensors are put together by their counts, means and squares, in float64.
        """
        width = len(self._parts[0]) if self._parts else 0
        parts = np.array(numbers[: width * len(self._parts)], np.float64).reshape(-1, width).T if width else None
        row = dict.fromkeys(ops.STAT_FIELDS, float("nan"))
        row |= dict.fromkeys(("nan", "positive_inf", "negative_inf", "zeros"), 0) | {"count": self._counts}
        if self._alive is not None:
            row["dead_units"] = self._alive.numel() - numbers[-1]
        if parts is None:
            return row
        finite, nan, positive, negative, zeros, low, high, largest, mean, spread, squares = parts
        row |= {"nan": nan.sum(), "positive_inf": positive.sum(), "negative_inf": negative.sum(), "zeros": zeros.sum()}
        if not finite.sum():
            return row
        used = finite > 0
        weight, scale = finite[used] / finite.sum(), np.maximum(largest[used], _LEAST)
        means = mean[used] * scale
        middle = float((weight * means).sum())
        top = float(scale.max())
        within = float((spread[used].clip(0) * (scale / top) ** 2).sum() / finite.sum())
        between = (weight * ((means - middle) / top) ** 2).sum()
        row |= {
            "min": float(np.min(low[used])),
            "max": float(np.max(high[used])),
            "mean": middle,
            "std": top * float(within + between) ** 0.5,
            "norm": top * float((squares[used] * (scale / top) ** 2).sum()) ** 0.5,
        }
        return row


def _quick(x: Tensor, zeros: Tensor) -> list[Tensor] | None:
    """A part of values that are all finite and whose squares fit into float32; None for others.

    It decides by values, for which a GPU would have to be waited for.
    """
    import torch

    low, high = torch.aminmax(x)
    largest = max(-float(low), float(high))
    if not (SMALL < largest < LARGE) or x.numel() < 2:  # false for NaN too
        return None
    variance, mean = torch.var_mean(x, correction=0)
    number, none, one = torch.tensor(x.numel()), torch.tensor(0), torch.tensor(1.0)
    spread = variance * number
    return [number, none, none, none, zeros, low, high, one, mean, spread, spread + mean.square() * number]


def _masked(x: Tensor, zeros: Tensor) -> list[Tensor]:
    """A part of any values: sums are of the finite ones over the largest, so that none overflows."""
    import torch

    finite = torch.isfinite(x)
    whole = torch.where(finite, x, 0)
    largest = whole.abs().amax()
    scale = largest.clamp_min(_LEAST)
    scaled = whole / scale
    number = finite.sum()
    mean = scaled.sum() / number
    # Halves, since the difference of two finite values may overflow; unscaled, since scaling rounds.
    deviation = torch.where(finite, (whole / 2 - mean * scale / 2) / (scale / 2), 0)
    spread = deviation.square().sum() - deviation.sum().square() / number
    inf = torch.inf
    low, high = torch.where(finite, x, inf).amin(), torch.where(finite, x, -inf).amax()
    counts = [number, torch.isnan(x).sum(), (x == inf).sum(), (x == -inf).sum(), zeros]
    return [*counts, low, high, largest, mean, spread, scaled.square().sum()]


def _alive(x: Tensor, axis: int, zeros: Tensor) -> Tensor:
    """Which units are not 0 for every sample; without counting where a processor has too few zeros for a dead one."""
    import torch

    units = x.shape[axis]
    if x.device.type == "cpu" and int(zeros) * units < x.numel():
        return torch.ones(units, dtype=torch.bool)
    others = [other for other in range(x.ndim) if other != axis]
    return (x != 0).amax(dim=others) if others else x != 0


def read_all(numbers: list[Tensor]) -> list[float]:
    """The values of tensors of no dimension: one copy from each device, in float64 where it has that."""
    import torch

    values = [0.0] * len(numbers)
    places: dict[tuple[Any, bool], list[int]] = {}
    for place, tensor in enumerate(numbers):
        places.setdefault((tensor.device, tensor.is_floating_point()), []).append(place)
    for (device, floating), found in places.items():
        kind = torch.int64 if not floating else torch.float32 if device.type == "mps" else torch.float64
        read = torch.stack([numbers[place].to(kind) for place in found]).cpu().tolist()
        for place, value in zip(found, read, strict=True):
            values[place] = float(value)
    return values
