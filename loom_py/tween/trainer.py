"""TweenTrainer: training by targets, with each layer's link budget, gap and depth barrier."""

from __future__ import annotations

from loom_py.config.options import OptionsConfig
from loom_py.errors import ConfigError
from loom_py.introspect import Introspectable, runs_in_steps
from loom_py.losses import Loss, LossName, resolve_loss
from loom_py.network.core import NetworkCore
from loom_py.shapes import ArrayLike
from loom_py.telemetry.events import TweenStep
from loom_py.train.config import Batch, EarlyStopping, TrainingConfig, TrainingResult
from loom_py.train.data import array_batches, check_samples
from loom_py.train.trainer import Trainer
from loom_py.tween.config import TweenConfig, TweenOptimizer
from loom_py.tween.explosion import ExplosionGuard
from loom_py.tween.loop import TweenLoop
from loom_py.tween.stepper import Stepper


class TweenTrainer(Introspectable):
    """Trains a network by targets: every layer gets a target for its output, and its weights move towards it.

    Use it to look into a network: it measures each layer's link budget, gap and depth barrier, step by step. For
    training, backpropagation is better: tweening was at best equal, worse in deep networks, and its steps take longer
    (`docs/tweening.md`).

    Attributes:
        net: the network that is trained.
        config: the options.
        guard: explosion detection with its state.
    """

    def __init__(
        self,
        net: NetworkCore,
        config: TweenConfig | None = None,
        *,
        loss: Loss | LossName | OptionsConfig = "cross_entropy",
    ) -> None:
        """Create a trainer.

        Args:
            net: the network to train.
            config: options; None uses the defaults.
            loss: reported loss, which also determines the kind of target; it does not drive the training.

        Raises:
            ConfigError: an argument has the wrong type, or the loss is unknown.
        """
        if not isinstance(net, NetworkCore):
            raise ConfigError.expected("net", expected="a Network", got=type(net).__name__)
        if not isinstance(config, TweenConfig | None):
            raise ConfigError.expected("config", expected="a TweenConfig or None", got=type(config).__name__)
        self.net, self.config, self.guard = net, config or TweenConfig(), ExplosionGuard()
        self._stepper = Stepper(net, self.config, resolve_loss(loss), self.guard)

    def step(self, x: ArrayLike, target: ArrayLike, *, mask: ArrayLike | None = None) -> TweenStep:
        """Run one step on a batch; observers receive it.

        Args:
            x: inputs (B, …).
            target: labels (B, …), class shares (B, …, C), or values in the output's shape.
            mask: 1 for data, 0 for padding, as in `Network.forward`.

        Returns:
            The step. If an activation is not finite, no parameter is changed.

        Raises:
            ShapeError, DataError: the data does not fit; nothing is changed.
        """
        feed = check_samples(self.net, self._stepper.loss, x, target, mask)
        self._stepper.advance(feed, self.config.learning_rate)
        return self._stepper.history[-1]

    @runs_in_steps("run")
    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation: tuple[ArrayLike, ArrayLike] | Batch | None = None,
        early_stopping: EarlyStopping | OptionsConfig | None = None,
        mask: ArrayLike | None = None,
    ) -> TrainingResult:
        """Train on arrays, split into shuffled batches.

        Observers receive the events of a training run, and an anomaly when the gaps begin to explode. If a step's
        activations are not finite, the run stops with an anomaly and the parameters of the step before.

        Args:
            x: inputs (N, …).
            y: targets as for `step`.
            epochs: passes over the data.
            batch_size: samples per step.
            validation: held-out `(x, y)`, or a Batch, evaluated after every epoch.
            early_stopping: stop when the validation loss (without validation data: the training loss) stops improving.
            mask: 1 for data, 0 for padding, as in `Network.forward`.

        Raises:
            ShapeError, DataError: the data does not fit; nothing is changed.
            ConfigError: an option is out of range.
        """
        run = self.run(
            x, y, epochs=epochs, batch_size=batch_size, validation=validation, early_stopping=early_stopping, mask=mask
        )
        for _ in run.run():
            pass
        return run.result

    def run(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation: tuple[ArrayLike, ArrayLike] | Batch | None = None,
        early_stopping: EarlyStopping | OptionsConfig | None = None,
        mask: ArrayLike | None = None,
    ) -> Trainer:
        """A run of `fit`, to be driven step by step; see `Trainer.run`."""
        config = TrainingConfig(
            epochs=epochs, batch_size=batch_size, learning_rate=self.config.learning_rate, loss=self._stepper.loss,
            optimizer=TweenOptimizer(), validation=validation, early_stopping=early_stopping,
        )  # fmt: skip
        return TweenLoop(self._stepper, config, array_batches(self.net, config, x, y, mask))

    def get_history(self) -> list[TweenStep]:
        """The newest 10 000 steps, oldest first."""
        return list(self._stepper.history)
