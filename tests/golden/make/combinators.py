"""Layers made of layers: Sequential, Residual and Parallel, whose children have paths of their own."""

from __future__ import annotations

import torch
from torch import Tensor

from .params import Config, Params, Spec
from .reference import reference, run, shapes_of


def _children(c: Config, key: str) -> dict[str, Spec]:
    return {
        f"{key}.{index}.{name}": spec for index, child in enumerate(c[key]) for name, spec in shapes_of(child).items()
    }


def _chain(c: Config, p: Params, x: Tensor) -> Tensor:
    for index, child in enumerate(c["layers"]):
        x = run(child, p.child(f"layers.{index}"), x)
    return x


@reference("Sequential", "torch.nn.Sequential", lambda c: _children(c, "layers"))
def sequential(c: Config, p: Params, x: Tensor) -> Tensor:
    return _chain(c, p, x)


@reference("Residual", "x + f(x), arXiv:1512.03385", lambda c: _children(c, "layers"))
def residual(c: Config, p: Params, x: Tensor) -> Tensor:
    return x + _chain(c, p, x)


def _parallel(c: Config) -> dict[str, Spec]:
    specs = _children(c, "branches")
    if c.get("combine") == "gated":
        count = len(c["branches"])
        specs |= {"gate_weight": Spec((c["gate_inputs"], count), "weight"), "gate_bias": Spec((count,), "bias")}
    return specs


@reference("Parallel", "torch.cat, sum or mean of the branches; gated: softmax(x @ gate) weighs them", _parallel)
def parallel(c: Config, p: Params, x: Tensor) -> Tensor:
    outputs = [run(child, p.child(f"branches.{index}"), x) for index, child in enumerate(c["branches"])]
    combine = c.get("combine", "concat")
    if combine == "concat":
        return torch.cat(outputs, -1)
    stacked = torch.stack(outputs, -1)  # (…,C,K)
    if combine == "gated":
        gates = (x @ p["gate_weight"] + p["gate_bias"]).softmax(-1)  # (…,K)
        return (stacked * gates.unsqueeze(-2)).sum(-1)
    return stacked.sum(-1) if combine == "add" else stacked.mean(-1)
