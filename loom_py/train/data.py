"""The data of a training run, checked as a whole before the first step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from loom_py.errors import DataError, ShapeError
from loom_py.losses import Loss, check_target
from loom_py.network.core import NetworkCore
from loom_py.shapes import AnyArray, ArrayLike
from loom_py.train.config import Batch, TrainingConfig

Pair = tuple[AnyArray, AnyArray]


class Batches(Protocol):
    """Where a run takes its batches from."""

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        ...

    def epoch(self, number: int) -> Iterator[Pair]:
        """Input and target of each batch of an epoch."""
        ...


class ArrayBatches:
    """Arrays cut into batches, shuffled anew in each epoch by a seed of its own."""

    def __init__(self, pair: Pair, batch_size: int, shuffle: bool, seed: int) -> None:
        self.x, self.target = pair
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed

    @property
    def per_epoch(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def epoch(self, number: int) -> Iterator[Pair]:
        order = np.arange(len(self.x))
        if self.shuffle:
            np.random.default_rng((self.seed, number)).shuffle(order)
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            yield self.x[chosen], self.target[chosen]


class ListBatches:
    """Batches as they were given, in their order."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.pairs = pairs

    @property
    def per_epoch(self) -> int:
        return len(self.pairs)

    def epoch(self, number: int) -> Iterator[Pair]:
        return iter(self.pairs)


def check_pair(net: NetworkCore, loss: Loss, x: ArrayLike, target: ArrayLike) -> Pair:
    """Input and target of several samples, checked against the network.

    Raises:
        ShapeError: a shape does not fit, or there are not as many targets as inputs.
        DataError: values that are not finite, labels out of range, no samples.
    """
    array = np.asarray(x)
    if array.ndim == 0 or len(array) == 0:
        raise DataError.expected("training data", expected="at least one sample", got="none")
    batch, single = net.read_input(array)
    if single:
        raise ShapeError.expected("training data", expected="a batch axis first", got=array.shape, do="give x[None]")
    wanted = np.asarray(target)
    if wanted.ndim == 0 or len(wanted) != len(batch):
        got = f"{len(wanted)} targets" if wanted.ndim else "a scalar target"
        raise ShapeError.expected("training data", expected=f"{len(batch)} targets, one a sample", got=got)
    return batch, check_target(loss, (len(batch), *net.get_blueprint().output_shape), wanted)


def check_batches(net: NetworkCore, loss: Loss, batches: Iterable[Batch]) -> ListBatches:
    """A list of batches, each checked; the error says which is wrong."""
    pairs = []
    for number, batch in enumerate(batches):
        if not isinstance(batch, Batch):
            raise DataError.expected(f"batches[{number}]", expected="a Batch(input, target)", got=type(batch).__name__)
        try:
            pairs.append(check_pair(net, loss, batch.input, batch.target))
        except (ShapeError, DataError) as error:
            raise type(error)(f"batches[{number}]: {error}") from None
    if not pairs:
        raise DataError.expected("batches", expected="at least one Batch", got="none")
    return ListBatches(pairs)


def array_batches(net: NetworkCore, config: TrainingConfig, x: ArrayLike, y: ArrayLike) -> ArrayBatches:
    """Arrays as batches by a run's configuration, checked."""
    pair = check_pair(net, config.options().loss, x, y)
    return ArrayBatches(pair, config.batch_size, config.shuffle, net.seed if config.seed is None else config.seed)
