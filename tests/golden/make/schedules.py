"""Schedules: the learning rate of each of 30 steps by `torch.optim.lr_scheduler`; step t counts from 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.optim import lr_scheduler as lr

from .files import Entry

STEPS = 30
RATE = 0.2
Case = tuple[str, dict[str, Any], Callable[[torch.optim.Optimizer], Any], str]


def _warm(optimizer: torch.optim.Optimizer, steps: int, inner: Any) -> Any:
    """From 1/steps of the rate at step 0 to all of it, then `inner` from its own step 0."""
    warm = lr.LinearLR(optimizer, start_factor=1 / steps, total_iters=steps - 1)
    return lr.SequentialLR(optimizer, [warm, inner], milestones=[steps])


def cases() -> Iterator[Case]:
    yield "constant", {"type": "constant"}, lambda o: lr.ConstantLR(o, 1.0), "ConstantLR"
    linear = {"type": "linear", "end_rate": 0.02, "steps": 20}
    yield "linear", linear, lambda o: lr.LinearLR(o, 1.0, 0.1, 20), "LinearLR, held after its last step"
    cosine = {"type": "cosine", "steps": 29, "end_rate": 0.01}
    yield "cosine", cosine, lambda o: lr.CosineAnnealingLR(o, 29, 0.01), "CosineAnnealingLR"
    restarts = {"type": "cosine", "steps": 10, "end_rate": 0.01, "restarts": True}
    yield (
        "cosine_restarts",
        restarts,
        lambda o: lr.CosineAnnealingWarmRestarts(o, 10, 1, 0.01),
        "CosineAnnealingWarmRestarts",
    )
    growing = {"type": "cosine", "steps": 4, "restarts": True, "growth": 2}
    yield (
        "cosine_restarts_growing",
        growing,
        lambda o: lr.CosineAnnealingWarmRestarts(o, 4, 2),
        "CosineAnnealingWarmRestarts",
    )
    yield "exponential", {"type": "exponential", "decay": 0.9}, lambda o: lr.ExponentialLR(o, 0.9), "ExponentialLR"
    yield "step", {"type": "step", "every": 7, "factor": 0.5}, lambda o: lr.StepLR(o, 7, 0.5), "StepLR"
    polynomial = {"type": "polynomial", "steps": 25, "power": 2.0}
    yield "polynomial", polynomial, lambda o: lr.PolynomialLR(o, 25, 2.0), "PolynomialLR, held after its last step"
    warm = {"type": "warm_up", "steps": 5, "inner": {"type": "constant"}}
    yield "warm_up_constant", warm, lambda o: _warm(o, 5, lr.ConstantLR(o, 1.0)), "LinearLR, then ConstantLR"
    warm = {"type": "warm_up", "steps": 6, "inner": {"type": "cosine", "steps": 24, "end_rate": 0.0}}
    yield "warm_up_cosine", warm, lambda o: _warm(o, 6, lr.CosineAnnealingLR(o, 24)), "LinearLR, then CosineAnnealingLR"


def _rates(make: Callable[[torch.optim.Optimizer], Any]) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


def entries() -> list[Entry]:
    return [
        (
            {"name": name, "schedule": config, "learning_rate": RATE, "source": f"torch.optim.lr_scheduler: {source}"},
            {"rates": np.array(_rates(make))},
        )
        for name, config, make, source in cases()
    ]
