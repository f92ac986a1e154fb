"""Data of a training run, checked completely before the first step, or batch by batch where it is a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from loom_py.arrays import read_numbers
from loom_py.engine.inputs import Feed
from loom_py.errors import DataError, LoomError, ShapeError
from loom_py.losses import Loss, check_target, hide_target
from loom_py.network.core import NetworkCore
from loom_py.shapes import ArrayLike
from loom_py.train.config import Batch, TrainingConfig


class Batches(Protocol):
    """Source of a run's batches."""

    @property
    def samples(self) -> Feed | None:
        """All samples; None where they come in batches."""
        ...

    @property
    def per_epoch(self) -> int | None:
        """Batches in an epoch; None where that is not known."""
        ...

    def epoch(self, number: int) -> Iterator[Feed]:
        """The batches of an epoch; `number` counts the epochs of all runs of the network."""
        ...


class ArrayBatches:
    """Arrays split into batches, shuffled in each epoch by a seed of its own."""

    def __init__(self, samples: Feed, batch_size: int, shuffle: bool, seed: int) -> None:
        self.samples = samples
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed

    @property
    def per_epoch(self) -> int:
        return -(-self.samples.samples // self.batch_size)

    def epoch(self, number: int) -> Iterator[Feed]:
        order = np.arange(self.samples.samples)
        if self.shuffle:
            np.random.default_rng((self.seed, number)).shuffle(order)
        for start in range(0, len(order), self.batch_size):
            yield self.samples.chosen(order[start : start + self.batch_size])


class ListBatches:
    """Batches in the given order."""

    def __init__(self, batches: list[Feed]) -> None:
        self.batches = batches
        self.samples = None

    @property
    def per_epoch(self) -> int:
        return len(self.batches)

    def epoch(self, number: int) -> Iterator[Feed]:
        return iter(self.batches)


class StreamBatches:
    """Batches drawn as they are needed, each checked when it is drawn.

    An iterable is iterated again in every epoch. An iterator can't be: its batches are kept for the next epoch where
    `keep` asks for that, else the next epoch goes on where the last one ended.
    """

    def __init__(self, batches: Iterable[Batch], check: Callable[[int, object], Feed], *, keep: bool) -> None:
        self._batches, self._check = batches, check
        self._once = iter(batches) is batches
        self._kept: list[Feed] | None = [] if keep and self._once else None
        self._drawn = 0
        self.samples, self.per_epoch = None, None
        first = next(iter(batches), None) if self._once else None
        self._first = None if first is None else self._checked(first)
        if self._once and first is None:
            raise _no_batches()

    def epoch(self, number: int) -> Iterator[Feed]:
        yield from list(self._kept or ())
        if self._first is not None:
            first, self._first = self._first, None
            yield self._noted(first)
        for batch in self._batches:
            yield self._noted(self._checked(batch))
        if not self._drawn:
            raise _no_batches()

    def _checked(self, batch: object) -> Feed:
        self._drawn += 1
        return self._check(self._drawn - 1, batch)

    def _noted(self, feed: Feed) -> Feed:
        if self._kept is not None:
            self._kept.append(feed)
        return feed


def check_samples(net: NetworkCore, loss: Loss, x: ArrayLike, target: ArrayLike, mask: ArrayLike | None = None) -> Feed:
    """Input, target and mask of several samples, checked against the network.

    Raises:
        ShapeError: a shape does not fit, or the numbers of inputs and targets differ.
        DataError: values are not finite, labels are out of range, or there are no samples; or the loss would count
            padding.
    """
    array = read_numbers("training data", x)
    if array.ndim == 0 or len(array) == 0:
        raise DataError.expected("training data", expected="at least one sample", got="none")
    feed, single = net.read_feed(array, mask)
    if single:
        raise ShapeError.expected("training data", expected="a batch axis first", got=array.shape, do="give x[None]")
    wanted = read_numbers("target", target)
    if wanted.ndim == 0 or len(wanted) != feed.samples:
        got = f"{len(wanted)} targets" if wanted.ndim else "a scalar target"
        raise ShapeError.expected("training data", expected=f"{feed.samples} targets, one a sample", got=got)
    output_shape = (feed.samples, *net.engine.output_shape(net.input_shape))
    checked = check_target(loss, output_shape, wanted)
    return feed._replace(target=checked if feed.mask is None else hide_target(loss, output_shape, checked, feed.mask))


def check_batches(net: NetworkCore, config: TrainingConfig, batches: Iterable[Batch]) -> Batches:
    """Batches of a run, checked; errors name the batch.

    A list or tuple is checked as a whole. Batches of a generator, or of anything else that is iterable, are drawn and
    checked as they are needed, the first one of a generator now.
    """
    loss = config.options().loss

    def check(number: int, batch: object) -> Feed:
        if not isinstance(batch, Batch):
            raise DataError.expected(f"batches[{number}]", expected="a Batch(input, target)", got=type(batch).__name__)
        try:
            return check_samples(net, loss, batch.input, batch.target, batch.mask)
        except (ShapeError, DataError) as error:
            raise type(error)(f"batches[{number}]: {error}") from None

    if not isinstance(batches, Sequence):
        return StreamBatches(batches, check, keep=config.epochs > 1 and config.steps_per_epoch is None)
    if not batches:
        raise _no_batches()
    return ListBatches([check(number, batch) for number, batch in enumerate(batches)])


def _no_batches() -> LoomError:
    return DataError.expected("batches", expected="at least one Batch", got="none")


def array_batches(
    net: NetworkCore, config: TrainingConfig, x: ArrayLike, y: ArrayLike, mask: ArrayLike | None = None
) -> ArrayBatches:
    """Arrays as checked batches, according to a run's configuration."""
    samples = check_samples(net, config.options().loss, x, y, mask)
    return ArrayBatches(samples, config.batch_size, config.shuffle, net.seed if config.seed is None else config.seed)
