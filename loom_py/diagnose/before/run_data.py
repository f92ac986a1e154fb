"""Data and options of a run, as the checks read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from loom_py.diagnose.before.rows import Rows
from loom_py.losses import Loss
from loom_py.shapes import AnyArray, Shape, size_of

LOOKED_AT = 2**17
"""Values from which scales are measured; of more, every n-th sample is taken."""


@dataclass(frozen=True)
class Samples:
    """Checked inputs (N, …) and targets (N, …)."""

    x: AnyArray
    target: AnyArray

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def rows(self) -> Rows:
        """The inputs as rows that can be compared."""
        return Rows(self.x)

    @cached_property
    def features(self) -> AnyArray:
        """Some inputs as (R, F): F is the last axis, of images (N, C, …) the channels."""
        x = self.x[:: max(self.x.size // LOOKED_AT, 1)]
        if x.ndim > 3:
            x = np.moveaxis(x, 1, -1)
        return x.reshape(-1, x.shape[-1])


@dataclass(frozen=True, kw_only=True)
class Structure:
    """Facts about the network.

    Attributes:
        output_shape: of one sample.
        logits: whether a loss over classes takes the outputs for logits.
        distribution: whether an output is a distribution over classes.
        bounds: limits of its outputs.
        takes_ids: whether the inputs are ids.
        normalised: whether the first layer with parameters makes the scale of the inputs irrelevant.
        batch_norm: path of the layer whose batch statistics come from the fewest values; None without such a layer.
        batch_norm_values: their number per sample.
    """

    output_shape: Shape
    logits: bool
    distribution: bool
    bounds: tuple[float, float]
    takes_ids: bool
    normalised: bool
    batch_norm: str | None
    batch_norm_values: int


@dataclass(frozen=True, kw_only=True)
class RunData:
    """Data and options of a run.

    Attributes:
        network: facts about the network.
        training: samples to train on.
        held_out: validation samples; None without.
        loss: the loss.
        batch_size: samples per step.
        part_size: samples per micro-batch; None where batches are not split.
        highest_rate: the highest learning rate of the run.
    """

    network: Structure
    training: Samples
    held_out: Samples | None
    loss: Loss
    batch_size: int
    part_size: int | None
    highest_rate: float

    @property
    def classes(self) -> int:
        """Number of classes: of one yes/no output 2; 0 where the targets are no classes."""
        if self.loss.classes:
            return self.network.output_shape[-1]
        return 2 if self.loss.yes_no and size_of(self.network.output_shape) == 1 else 0

    def labels(self, samples: Samples) -> AnyArray:
        """Class of each answer (M), without ignored ones."""
        target = samples.target
        if not self.loss.classes:
            return (target.reshape(-1) >= 0.5).astype(np.int64)
        if target.dtype.kind == "f":
            return target.argmax(axis=-1).reshape(-1)
        ignored = self.loss.ignored
        labels = target.reshape(-1)
        return labels if ignored is None else labels[labels != ignored]

    @property
    def one_answer(self) -> bool:
        """Whether each sample has one answer, and not one for each position."""
        return size_of(self.network.output_shape[:-1]) == 1


def rms(values: AnyArray) -> float:
    """Root of the mean square; 0 for none."""
    return math.sqrt(float(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0
