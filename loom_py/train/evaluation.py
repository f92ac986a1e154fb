"""Loss and accuracy on held-out data."""

from __future__ import annotations

import math
from typing import NamedTuple

from loom_py.network.compile import StepOptions
from loom_py.network.core import NetworkCore
from loom_py.train.data import Pair


class Score(NamedTuple):
    """How well a network does on some data."""

    loss: float
    """Mean loss over the samples; NaN when an output is NaN."""
    accuracy: float | None
    """Share of right classes between 0 and 1; None where there are no classes."""


def evaluate_pair(net: NetworkCore, pair: Pair, options: StepOptions, batch_size: int) -> Score:
    """Loss and accuracy in evaluation mode, batch by batch; nothing is observed or changed."""
    x, target = pair
    total, right, classes = 0.0, 0, False
    for start in range(0, len(x), batch_size):
        part, wanted = x[start : start + batch_size], target[start : start + batch_size]
        _, loss, correct = net.engine.evaluation(part, wanted, options)
        total += loss * len(part)
        if correct is not None:
            classes, right = True, right + correct
    return Score(total / len(x) if len(x) else math.nan, right / len(x) if classes else None)
