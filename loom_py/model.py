"""The network as users meet it: structure, running and watching, with training and files added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from loom_py.errors import ConfigError
from loom_py.introspect import internal
from loom_py.layers import Layer
from loom_py.network.core import NetworkCore
from loom_py.network.grid import NetworkConfig
from loom_py.shapes import ArrayLike
from loom_py.train.config import Batch, TrainingConfig, TrainingResult
from loom_py.train.data import array_batches, check_batches, check_samples
from loom_py.train.evaluation import Score, evaluate_samples
from loom_py.train.trainer import Trainer


class Network(NetworkCore):
    """A neural network laid out on a grid of cells that run in reading order; an empty slot passes its input on."""

    @classmethod
    def of(cls, input_shape: int | Sequence[int], layers: Sequence[Layer], *, seed: int | None = None) -> Network:
        """A network of one cell that holds these layers.

        Args:
            input_shape: shape of one sample; a number for a vector.
            layers: at least one layer.
            seed: seed of initial parameters and dropout; None draws one.

        Raises:
            ConfigError: no layers, or something that is no layer.
            ShapeError: a layer does not take what comes before it.
        """
        if not layers:
            raise ConfigError.expected("layers", expected="at least one layer", got="none")
        net = cls(input_shape, 1, 1, len(layers), seed=seed)
        for position, layer in enumerate(layers):
            net.set_layer(0, 0, position, layer)
        net.engine  # noqa: B018 (builds it, so that a wrong shape is told here)
        return net

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Network:
        """A network from plain data, as `to_config` gives it.

        Args:
            config: `{"input_shape": …, "layers": [...]}` and maybe "grid" and "seed".

        Raises:
            ConfigError: not a dict, an unknown layer, key or activation, a value out of range.
            ShapeError: a layer does not take what comes before it.
        """
        net = cls.__new__(cls)
        net._assemble(NetworkConfig.read(config))
        net.engine  # noqa: B018
        return net

    def train(self, batches: Iterable[Batch], config: TrainingConfig | None = None) -> TrainingResult:
        """Train on batches as they are given, in their order, `config.epochs` times.

        Args:
            batches: what to train on.
            config: options; None takes the defaults.

        Returns:
            Losses of each epoch, times, and why it stopped.

        Raises:
            ShapeError, DataError: a batch does not fit; nothing was changed.
        """
        return drive(self.trainer(batches, config))

    def fit(
        self, x: ArrayLike, y: ArrayLike, config: TrainingConfig | None = None, *, mask: ArrayLike | None = None
    ) -> TrainingResult:
        """Train on arrays, cut into shuffled batches.

        Args:
            x: inputs (N, …).
            y: labels (N, …), class shares (N, …, C), or values in the output's shape.
            config: options; None takes the defaults.
            mask: 1 where there is something, 0 where there is padding, as for `forward`.

        Raises:
            ShapeError, DataError: the data does not fit; nothing was changed.
        """
        config = config or TrainingConfig()
        return drive(Trainer(self, config, array_batches(self, config, x, y, mask)))

    @internal
    def trainer(self, batches: Iterable[Batch], config: TrainingConfig | None = None) -> Trainer:
        """A training run to be driven step by step; see `Trainer.run`."""
        config = config or TrainingConfig()
        return Trainer(self, config, check_batches(self, config.options().loss, batches))

    def evaluate(
        self, x: ArrayLike, y: ArrayLike, config: TrainingConfig | None = None, *, mask: ArrayLike | None = None
    ) -> Score:
        """Loss and accuracy on held-out data, dropout off; nothing is changed.

        Args:
            x: inputs (N, …).
            y: targets as for `fit`.
            config: its loss and batch size are used.
            mask: 1 where there is something, 0 where there is padding, as for `forward`.

        Raises:
            ShapeError, DataError: the data does not fit.
        """
        config = config or TrainingConfig()
        options = config.options()
        return evaluate_samples(self, check_samples(self, options.loss, x, y, mask), options, config.batch_size)


def drive(trainer: Trainer) -> TrainingResult:
    """Run a training run to its end."""
    for _ in trainer.run():
        pass
    return trainer.result
