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


def _warm(optimizer: torch.optim.Optimizer, steps: int, start: float, inner: Any) -> Any:
    """From `start` of the rate in a straight line over `steps`, then `inner` from its own step 0."""
    warm = lr.LinearLR(optimizer, start_factor=start, total_iters=steps)
    return lr.SequentialLR(optimizer, [warm, inner], milestones=[steps])


def cases() -> Iterator[Case]:
    """Ends are factors of the rate, PyTorch's `eta_min` is a rate."""
    low = 0.05 * RATE
    yield "constant", {"type": "Constant"}, lambda o: lr.ConstantLR(o, 1.0), "ConstantLR"
    linear = {"type": "Linear", "end": 0.1, "steps": 20}
    yield "linear", linear, lambda o: lr.LinearLR(o, 1.0, 0.1, 20), "LinearLR, held after its last step"
    rising = {"type": "Linear", "start": 0.25, "end": 1.0, "steps": 7}
    yield "linear_rising", rising, lambda o: lr.LinearLR(o, 0.25, 1.0, 7), "LinearLR"
    cosine = {"type": "Cosine", "steps": 29, "end": 0.05}
    yield "cosine", cosine, lambda o: lr.CosineAnnealingLR(o, 29, low), "CosineAnnealingLR"
    restarts = cosine | {"steps": 10, "restarts": True}
    again = "CosineAnnealingWarmRestarts"
    yield "cosine_restarts", restarts, lambda o: lr.CosineAnnealingWarmRestarts(o, 10, 1, low), again
    growing = {"type": "Cosine", "steps": 4, "restarts": True, "growth": 2.0}
    yield "cosine_restarts_growing", growing, lambda o: lr.CosineAnnealingWarmRestarts(o, 4, 2), again
    yield "exponential", {"type": "Exponential", "decay": 0.9}, lambda o: lr.ExponentialLR(o, 0.9), "ExponentialLR"
    yield "step", {"type": "Step", "every": 7, "decay": 0.5}, lambda o: lr.StepLR(o, 7, 0.5), "StepLR"
    polynomial = {"type": "Polynomial", "steps": 25, "power": 2.0}
    yield "polynomial", polynomial, lambda o: lr.PolynomialLR(o, 25, 2.0), "PolynomialLR, held after its last step"
    warm = {"type": "WarmUp", "steps": 5, "start": 0.2, "inner": {"type": "Constant"}}
    yield "warm_up_constant", warm, lambda o: _warm(o, 5, 0.2, lr.ConstantLR(o, 1.0)), "LinearLR, then ConstantLR"
    warm = {"type": "WarmUp", "steps": 6, "start": 0.01, "inner": {"type": "Cosine", "steps": 24}}
    then = "LinearLR, then CosineAnnealingLR"
    yield "warm_up_cosine", warm, lambda o: _warm(o, 6, 0.01, lr.CosineAnnealingLR(o, 24)), then


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
