"""Optimizers: ten training steps in float64 with `torch.optim` on a small MLP and on a linear regression.

Lion is written out by its paper (arXiv:2302.06675), since PyTorch has none.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .case import Arrays
from .files import Entry
from .params import Config, Params, draw, leaf
from .reference import run, shapes_of

STEPS = 10
MLP: list[Config] = [
    {"type": "Dense", "inputs": 5, "outputs": 7, "activation": "tanh"},
    {"type": "Dense", "inputs": 7, "outputs": 3},
]
LINEAR: list[Config] = [{"type": "Dense", "inputs": 3, "outputs": 1}]
PROBLEMS: dict[str, tuple[list[Config], str]] = {"mlp": (MLP, "cross_entropy"), "linear": (LINEAR, "mse")}


class Lion(torch.optim.Optimizer):
    """w ← w(1 - ηλ) - η·sign(β₁m + (1-β₁)g), then m ← β₂m + (1-β₂)g."""

    def __init__(self, params: Any, lr: float, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})
        self.closest = float("inf")  # the smallest direction so far: near 0, rounding decides its sign

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for w in group["params"]:
                m = self.state[w].setdefault("m", torch.zeros_like(w))
                direction = beta1 * m + (1 - beta1) * w.grad
                self.closest = min(self.closest, float(direction.abs().min()))
                w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * direction.sign())
                m.mul_(beta2).add_((1 - beta2) * w.grad)


Make = Callable[[Any], torch.optim.Optimizer]


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer in our words (`config`) and in PyTorch's (`make`)."""

    name: str
    config: dict[str, Any]
    make: Make
    rate: float
    clip: float | None = None
    clip_value: float | None = None


def cases() -> Iterator[OptimizerCase]:
    def case(
        name: str, kind: str, rate: float, make: Any, *, clip: Any = None, value: Any = None, **ours: Any
    ) -> OptimizerCase:
        theirs = dict(ours)
        if "beta1" in theirs:
            theirs["betas"] = (theirs.pop("beta1"), theirs.pop("beta2"))
        return OptimizerCase(name, {"type": kind, **ours}, lambda p: make(p, lr=rate, **theirs), rate, clip, value)

    o = torch.optim
    yield case("sgd", "sgd", 0.3, o.SGD)
    yield case("sgd_momentum", "sgd", 0.1, o.SGD, momentum=0.9)
    yield case("sgd_nesterov", "sgd", 0.1, o.SGD, momentum=0.8, nesterov=True)
    yield case("sgd_decay", "sgd", 0.2, o.SGD, weight_decay=0.1)
    yield case("sgd_all", "sgd", 0.1, o.SGD, momentum=0.9, nesterov=True, weight_decay=0.05)
    yield case("sgd_clip_norm", "sgd", 0.3, o.SGD, clip=0.25)
    yield case("sgd_clip_value", "sgd", 0.3, o.SGD, value=0.05)
    yield case("adam", "adam", 0.02, o.Adam)
    yield case("adam_decay", "adam", 0.02, o.Adam, weight_decay=0.1)
    yield case("adam_betas_eps", "adam", 0.02, o.Adam, beta1=0.7, beta2=0.9, eps=1e-3)
    yield case("adamw", "adamw", 0.02, o.AdamW, weight_decay=0.2)
    yield case("adamw_clip_norm", "adamw", 0.02, o.AdamW, clip=0.2, weight_decay=0.01)
    yield case("rmsprop", "rmsprop", 0.01, o.RMSprop)
    yield case("rmsprop_momentum_decay", "rmsprop", 0.01, o.RMSprop, momentum=0.8, weight_decay=0.1, alpha=0.9)
    yield case("lion", "lion", 0.01, Lion)
    yield case("lion_betas_decay", "lion", 0.01, Lion, weight_decay=0.3, beta1=0.8, beta2=0.95)


def _batches(problem: str, sizes: Config) -> tuple[Any, Any]:
    rng = np.random.default_rng(zlib.crc32(f"batches/{problem}".encode()))
    inputs = rng.standard_normal((STEPS, 6, sizes["inputs"])).astype(np.float32)
    if problem == "mlp":
        return inputs, (inputs @ rng.standard_normal((5, 3))).argmax(-1).astype(np.int32)
    slope = np.array([[1.5], [-2.0], [0.5]])
    return inputs, (inputs @ slope + 0.3 + 0.1 * rng.standard_normal((STEPS, 6, 1))).astype(np.float32)


def _record(case: OptimizerCase, problem: str) -> Entry:
    layers, loss_name = PROBLEMS[problem]
    rng = np.random.default_rng(zlib.crc32(f"weights/{problem}".encode()))
    initial = {f"{i}.{n}": draw(s, rng) for i, layer in enumerate(layers) for n, s in shapes_of(layer).items()}
    weights = {path: leaf(value, torch.float64, gradient=True) for path, value in initial.items()}
    optimizer = case.make(list(weights.values()))
    inputs, targets = _batches(problem, layers[0])
    losses, norms = [], []
    for x, target in zip(torch.from_numpy(inputs).double(), torch.from_numpy(targets), strict=True):
        optimizer.zero_grad()
        loss = _loss(layers, weights, x, target)
        loss.backward()  # type: ignore[no-untyped-call]
        norms.append(float(torch.nn.utils.get_total_norm([w.grad for w in weights.values() if w.grad is not None])))
        if case.clip is not None:
            torch.nn.utils.clip_grad_norm_(weights.values(), case.clip)
        if case.clip_value is not None:
            torch.nn.utils.clip_grad_value_(weights.values(), case.clip_value)
        optimizer.step()
        losses.append(loss.item())
    arrays: Arrays = {
        "inputs": inputs,
        "targets": targets,
        "losses": np.array(losses),
        "gradient_norms": np.array(norms),
    }
    arrays |= {f"initial/{path}": value for path, value in initial.items()}
    arrays |= {f"final/{path}": value.detach().numpy().copy() for path, value in weights.items()}
    line = {"name": f"{problem}_{case.name}", "layers": layers, "loss": loss_name, "optimizer": case.config}
    line |= {"learning_rate": case.rate, "gradient_clip": case.clip, "gradient_clip_value": case.clip_value}
    return line, arrays


def _loss(layers: list[Config], weights: dict[str, Tensor], x: Tensor, target: Tensor) -> Tensor:
    params = Params(weights, training=True)
    for index, layer in enumerate(layers):
        x = run(layer, params.child(str(index)), x)
    return F.mse_loss(x, target.double()) if target.is_floating_point() else F.cross_entropy(x, target.long())


def entries() -> list[Entry]:
    return [_record(case, problem) for problem in PROBLEMS for case in cases()]
