"""Training options and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Annotated, Any, Literal

from loom_py.config.fields import Count, Positive, Range, Size, check_fields, hints
from loom_py.config.options import Options, OptionsConfig, kind, revive
from loom_py.engine.compile import StepOptions
from loom_py.errors import ConfigError
from loom_py.losses import Loss, LossName, resolve_loss
from loom_py.optimizers import Optimizer, OptimizerName, ParameterGroup, resolve_optimizer
from loom_py.schedules import Schedule
from loom_py.shapes import ArrayLike

StopReason = Literal["finished", "early_stopping", "anomaly", "cancelled"]
Rate = Annotated[float, Range(0)]


@dataclass(frozen=True)
class Batch:
    """Samples with their targets.

    Attributes:
        input: (B, …) in the network's input shape.
        target: labels (B, …), class shares (B, …, C), or values in the output's shape.
        mask: (B, N), 1 for data and 0 for padding; None: no padding.
    """

    input: ArrayLike
    target: ArrayLike
    mask: ArrayLike | None = None


@kind
class EarlyStopping(Options):
    """Stop when the monitored loss has stopped improving.

    Attributes:
        patience: epochs without improvement before stopping.
        min_delta: smallest decrease of the loss that counts as an improvement.
        restore_best: restore the parameters of the epoch with the smallest monitored loss when the run ends: also when
            it is cancelled or ends with an anomaly or an exception. Leaving the loop of `Trainer.run` restores nothing.
    """

    _: KW_ONLY
    patience: Size = 5
    min_delta: Rate = 0.0
    restore_best: bool = True


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Options of a training run.

    Loss, optimizer, groups, schedule and early stopping may be given as plain data too, such as
    `{"type": "SGD", "momentum": 0.9}`.

    Attributes:
        epochs: passes over the data.
        steps_per_epoch: most batches in an epoch, such as of a stream without an end; None: all. A stream goes on in
            the next epoch where the last one ended.
        learning_rate: step size; a schedule multiplies it.
        loss: "cross_entropy" expects logits, or probabilities if the last layer is Softmax.
        optimizer: name, or an optimizer with options.
        batch_size: samples per step (`fit` only; `train` takes batches).
        gradient_clip: limit on the global L2 norm of the gradients; None for no limit.
        gradient_clip_value: limit on the magnitude of each gradient value; None for no limit.
        shuffle: shuffle the samples in every epoch (`fit` only); the next `fit` of a network continues the sequence of
            orders.
        groups: groups of parameters with their own weight decay or learning rate factor, such as biases without decay.
        micro_batch_size: samples processed at a time, to save memory: gradients are accumulated over the parts of
            a batch before its one update. None processes the whole batch at once.
        validation: held-out `(x, y)`, or a Batch, evaluated after every epoch.
        schedule: schedule of the learning rate over the steps.
        early_stopping: stop when the validation loss (without validation data: the training loss) stops improving.
        seed: seed of the shuffling; None uses the network's.
    """

    epochs: Count = 1
    steps_per_epoch: Size | None = None
    learning_rate: Rate = 0.01
    loss: Loss | LossName | OptionsConfig = "cross_entropy"
    optimizer: Optimizer | OptimizerName | OptionsConfig = "sgd"
    batch_size: Size = 32
    gradient_clip: Positive | None = None
    gradient_clip_value: Positive | None = None
    groups: Sequence[ParameterGroup | OptionsConfig] = ()
    micro_batch_size: Size | None = None
    shuffle: bool = True
    validation: tuple[ArrayLike, ArrayLike] | Batch | None = None
    schedule: Schedule | OptionsConfig | None = None
    early_stopping: EarlyStopping | OptionsConfig | None = None
    seed: Count | None = None

    def __post_init__(self) -> None:
        for name, hint in hints(type(self)).items():
            object.__setattr__(self, name, revive(getattr(self, name), hint))
        check_fields(self)
        self.options()

    def options(self) -> StepOptions:
        """Loss, optimizer, clipping and groups, resolved."""
        return StepOptions(
            resolve_loss(self.loss),
            resolve_optimizer(self.optimizer),
            self.gradient_clip,
            self.gradient_clip_value,
            tuple(ParameterGroup.from_config(g) if isinstance(g, Mapping) else g for g in self.groups),
            self.micro_batch_size,
        )

    def held_out(self) -> Batch | None:
        """The validation data."""
        if self.validation is None or isinstance(self.validation, Batch):
            return self.validation
        return Batch(*self.validation)


_ELSEWHERE = {
    "lr": "call it learning_rate",
    "validation_data": "give validation=Batch(x, y)",
    "validation_split": "split the data, and give the rest as validation=Batch(x, y)",
    "callbacks": "add observers: net.add_observer(…)",
    "verbose": "add an observer: net.add_observer(ConsoleObserver())",
    "metrics": "accuracy is measured where a loss has answers; others are in DeviationMetrics",
    "sample_weight": "weight classes: loss=CrossEntropy(class_weights=…)",
    "class_weight": "give loss=CrossEntropy(class_weights=…)",
    "steps": "give epochs and steps_per_epoch",
    "momentum": "give optimizer=SGD(momentum=…)",
    "weight_decay": "give optimizer=AdamW(weight_decay=…)",
    "clip_norm": "call it gradient_clip",
}
"""What to write for options that other libraries have."""


def read_config(config: TrainingConfig | OptionsConfig | None, options: Mapping[str, Any]) -> TrainingConfig:
    """The options of a run: a config, a dict of its fields, or the fields as keywords.

    Raises:
        ConfigError: it is none of these, or both were given; an unknown option, a value out of range.
    """
    if config is not None and options:
        raise ConfigError.expected(
            "options", expected="a config or options by name", got="both",
            do=f"put {', '.join(options)} into the config",
        )  # fmt: skip
    if isinstance(config, TrainingConfig):
        return config
    if config is not None and not isinstance(config, Mapping):
        raise ConfigError.expected(
            "config", expected="a TrainingConfig or a dict of its options", got=type(config).__name__,
            do="train arrays by fit(x, y), or train([Batch(x, y)])",
        )  # fmt: skip
    given = options if config is None else config
    known = [f.name for f in fields(TrainingConfig)]
    unknown = ", ".join(str(name) for name in given if name not in known)
    if unknown:
        advice = [text for name in given if (text := _ELSEWHERE.get(str(name)))]
        raise ConfigError.expected("options", expected=", ".join(known), got=unknown, do="; ".join(advice))
    return TrainingConfig(**given)


@dataclass(slots=True, kw_only=True)
class TrainingResult:
    """Result of a training run.

    Attributes:
        final_loss: mean training loss of the last epoch; NaN if it diverged or no step was made.
        best_loss: lowest loss of an epoch (validation loss if there is validation data).
        loss_history: mean training loss of each epoch.
        validation_history: validation loss of each epoch; empty without validation data.
        accuracy_history: training accuracy of each epoch; None without classes.
        validation_accuracy_history: validation accuracy of each epoch.
        total_time_s: wall clock in seconds.
        samples_per_second: training samples per second.
        epochs_run: epochs completed.
        steps: training steps made.
        stopped_because: "finished", "early_stopping", "anomaly" or "cancelled".
    """

    final_loss: float = float("nan")
    best_loss: float = float("nan")
    loss_history: list[float] = field(default_factory=list)
    validation_history: list[float] = field(default_factory=list)
    accuracy_history: list[float | None] = field(default_factory=list)
    validation_accuracy_history: list[float | None] = field(default_factory=list)
    total_time_s: float = 0.0
    samples_per_second: float = 0.0
    epochs_run: int = 0
    steps: int = 0
    stopped_because: StopReason = "finished"


Cancelled = Callable[[], bool]
