"""Softmax and its sparse relatives, over the last axis; the temperature divides the input of each of them.

sparsemax: arXiv:1602.02068; entmax with α = 1.5: arXiv:1905.05702. Both by the exact sorting algorithm: the support is
found first, without gradients; the threshold is then a differentiable function of the support.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .params import Config, Params
from .reference import reference


def _support(z: Tensor, thresholds: Tensor) -> Tensor:
    """Mask of the entries above the threshold of the largest k whose own smallest entry is above it."""
    ordered = z.sort(-1, descending=True).values
    count = (ordered > thresholds).sum(-1, keepdim=True)
    return z >= ordered.gather(-1, count - 1)


def _ranks(z: Tensor) -> tuple[Tensor, Tensor]:
    return z.sort(-1, descending=True).values, torch.arange(1, z.shape[-1] + 1, dtype=z.dtype)


def sparsemax(z: Tensor) -> Tensor:
    """p = max(0, z - τ) with τ so that p sums to 1."""
    with torch.no_grad():
        ordered, k = _ranks(z)
        inside = _support(z, (ordered.cumsum(-1) - 1) / k)
    size = inside.sum(-1, keepdim=True)
    tau = ((z * inside).sum(-1, keepdim=True) - 1) / size
    return torch.where(inside, z - tau, 0)


def entmax15(z: Tensor) -> Tensor:
    """p = max(0, z/2 - τ)² with τ so that p sums to 1."""
    z = z / 2
    z = z - z.amax(-1, keepdim=True).detach()  # shifting changes nothing and keeps the squares small
    with torch.no_grad():
        ordered, k = _ranks(z)
        mean = ordered.cumsum(-1) / k
        spread = (ordered**2).cumsum(-1) - k * mean**2
        inside = _support(z, mean - ((1 - spread) / k).clamp_min(0).sqrt())
    size = inside.sum(-1, keepdim=True)
    mean = (z * inside).sum(-1, keepdim=True) / size
    spread = (torch.where(inside, z - mean, 0) ** 2).sum(-1, keepdim=True)
    tau = mean - ((1 - spread) / size).sqrt()
    return torch.where(inside, (z - tau) ** 2, 0)


@reference("Softmax", "torch.softmax; sparsemax and entmax-1.5 by their exact algorithms")
def softmax(c: Config, p: Params, x: Tensor) -> Tensor:
    z = x / c.get("temperature", 1.0)
    if p.mask is not None:
        z = z.masked_fill(~p.mask, -torch.inf)
    variant = c.get("variant", "standard")
    functions = {"sparsemax": sparsemax, "entmax15": entmax15}
    return functions[variant](z) if variant in functions else z.softmax(-1)
