"""Parameters of a reference layer: leaves in our layout, initial values from a seed, children by path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Config = Mapping[str, Any]
Values = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Spec:
    """Shape of one parameter and how its start value is drawn."""

    shape: tuple[int, ...]
    kind: str  # weight | bias | scale | mean | var; mean and var are buffers

    @property
    def is_buffer(self) -> bool:
        return self.kind in ("mean", "var")


@dataclass
class Params:
    """A view on the tensors below one path; `after` collects buffers that a training pass renews."""

    tensors: dict[str, Tensor]
    training: bool = False
    mask: Tensor | None = None
    prefix: str = ""
    after: dict[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[self.prefix + name]

    def get(self, name: str) -> Tensor | None:
        return self.tensors.get(self.prefix + name)

    def child(self, path: str) -> Params:
        return Params(self.tensors, self.training, self.mask, f"{self.prefix}{path}.", self.after)

    def renew(self, name: str, value: Tensor) -> None:
        self.after[self.prefix + name] = value


def draw(spec: Spec, rng: np.random.Generator) -> NDArray[np.float32]:
    """A start value: weights of variance 1/fan_in, scales and variances around 1, biases and means around 0."""
    if spec.kind in ("scale", "var"):
        value = rng.uniform(0.5, 1.5, spec.shape)
    elif spec.kind == "weight":
        fan_in = spec.shape[0] if len(spec.shape) == 2 else int(np.prod(spec.shape[1:]))
        value = rng.standard_normal(spec.shape) / np.sqrt(fan_in)
    else:
        value = 0.3 * rng.standard_normal(spec.shape)
    return value.astype(np.float32)


def leaf(value: NDArray[Any], dtype: torch.dtype, *, gradient: bool) -> Tensor:
    """A tensor of its own with the array's values; integer and bool arrays keep their type."""
    tensor = torch.from_numpy(np.array(value))
    return tensor.to(dtype).requires_grad_(gradient) if tensor.is_floating_point() else tensor
