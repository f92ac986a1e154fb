"""Loss and accuracy on held-out data."""

from __future__ import annotations

from typing import NamedTuple

from loom_py.engine.compile import StepOptions
from loom_py.engine.inputs import Feed
from loom_py.losses import divisor
from loom_py.network.core import NetworkCore


class Score(NamedTuple):
    """Loss and accuracy of a network on some data."""

    loss: float
    """Mean loss over the samples, 0 if none has weight; NaN if an output is NaN."""
    accuracy: float | None
    """Share of correct classes, between 0 and 1; None without classes."""


def evaluate_samples(net: NetworkCore, samples: Feed, options: StepOptions, batch_size: int) -> Score:
    """Loss and accuracy in evaluation mode, batch by batch; nothing is observed or changed.

    Stateful layers start from zero; their states are restored afterwards.
    """
    loss, weight, right, answers, classes = 0.0, 0.0, 0, 0, False
    with net.lock, net.engine.buffers_kept(fresh_states=True):
        for start in range(0, samples.samples, batch_size):
            part = samples.chosen(slice(start, start + batch_size))
            assert part.target is not None
            _, mean, correct = net.engine.evaluation(part, options)
            own = options.loss.weight(part.target)
            loss, weight = loss + mean * divisor(own), weight + own
            if correct is not None:
                classes, right, answers = True, right + correct, answers + options.loss.answers(part.target)
    return Score(loss / divisor(weight), right / answers if classes and answers else None)
