"""Losses with their gradients, as heads of a training Program and as functions of arrays.

All are means: cross-entropy over samples (for sequences: over positions), the others over all elements. Targets of
cross-entropy are integer labels (B, …) or rows of class shares (B, …, C), such as one-hot rows. A last axis of extent 1
may be there or not: labels (B, 1), and values (B) for one output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np

from loom_py import ops
from loom_py.arrays import read_numbers
from loom_py.config.fields import NonNegative, Positive, Share
from loom_py.config.options import Options, OptionsConfig, kind
from loom_py.errors import ConfigError, DataError, ShapeError
from loom_py.ops import Verb
from loom_py.output_kind import OutputKind
from loom_py.shapes import AnyArray, Array, ArrayLike

SHARES_TOLERANCE = 1e-3
"""Largest distance from 1 of a sum of class shares."""
LossName = Literal["cross_entropy", "binary_cross_entropy", "mse", "mae", "huber"]


class LossGradient(NamedTuple):
    """A loss and its gradient with respect to the network's output."""

    loss: float
    """The loss; NaN when the output is not finite."""
    grad: Array
    """Its gradient with respect to the output, in the output's shape."""


class Loss(Options):
    """Base of losses: a head verb with its options."""

    name: ClassVar[str]
    classes: ClassVar[bool] = False
    yes_no: ClassVar[bool] = False

    def head(self, gives: OutputKind) -> Verb:
        """The verb for outputs of this kind; raises ConfigError for a kind that the loss can't take."""
        raise NotImplementedError

    def attrs(self) -> dict[str, Any]:
        """Options of the verb."""
        return {}

    def extra(self) -> tuple[AnyArray, ...]:
        """Constant inputs of the verb beside output and target."""
        return ()

    def takes_logits(self, gives: OutputKind) -> bool:
        """Whether outputs of this kind are taken for logits."""
        return False

    def correct(self, output: Any, target: Any, gives: OutputKind) -> Any:
        """Number of correct answers; None for a loss without answers."""
        return None

    def check_values(self, target: AnyArray) -> None:
        """Check values that are no labels; raises DataError."""

    @property
    def ignored(self) -> int | None:
        """Integer label in checked targets whose samples are ignored; None: no label."""
        return None

    def check_outputs(self, outputs: int) -> None:
        """Check that the options fit a network of so many outputs; raises ConfigError."""

    def answers(self, target: AnyArray) -> int:
        """Number of answers in a checked target: the divisor of the count of correct ones."""
        return len(target)

    def weight(self, target: AnyArray) -> float:
        """Weight of a checked target in the mean over several; 0 if it changes nothing.

        The head divides the sum of its losses by it, or by 1 if it is 0; see `divisor`.
        """
        return float(len(target))


@kind
class CrossEntropy(Loss):
    """-mean Σ t·log p, fused with softmax on logits; on probabilities after a Softmax layer.

    `label_smoothing` spreads that share of each target evenly over all classes (Szegedy et al. 2016). `class_weights`,
    one a class, weight samples by class; with integer labels the mean is weighted too, as in PyTorch. Samples, or
    positions of a sequence, with the integer label `ignore_label` (padding) are ignored; labels of what a mask hides
    become it.
    """

    name: ClassVar[str] = "cross_entropy"
    classes: ClassVar[bool] = True

    _: KW_ONLY
    label_smoothing: Share = 0.0
    """Share of each target that is spread evenly over all classes."""
    class_weights: tuple[NonNegative, ...] | None = None
    """Weight of the samples of each class: 0, or from 1e-30 to 1e30, not all 0; None: all equal."""
    ignore_label: int | None = None
    """Integer label whose samples are ignored; None: no label."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.class_weights is not None and not any(self.class_weights):
            raise ConfigError.expected(
                "CrossEntropy.class_weights", expected="a weight above 0", got=self.class_weights
            )
        # Beyond these a weight times a loss, or a sum of weights, leaves the normal numbers of float32.
        beyond = [weight for weight in self.class_weights or () if weight and not 1e-30 <= weight <= 1e30]
        if beyond:
            raise ConfigError.expected(
                "CrossEntropy.class_weights", expected="weights of 0, or from 1e-30 to 1e30", got=beyond[0],
                do="divide them all by one number",
            )  # fmt: skip

    @property
    def ignored(self) -> int | None:
        """-1, which is never a class, in place of a label that int32 does not have."""
        fits = self.ignore_label is None or -(2**31) <= self.ignore_label < 2**31
        return self.ignore_label if fits else -1

    def check_outputs(self, outputs: int) -> None:
        if outputs < 2:
            raise ConfigError.expected(
                'loss "cross_entropy"', expected="at least 2 outputs, one a class", got=outputs,
                do='use "binary_cross_entropy", or 2 outputs',
            )  # fmt: skip
        if self.class_weights is not None and len(self.class_weights) != outputs:
            raise ConfigError.expected(
                "CrossEntropy.class_weights", expected=f"{outputs} weights, one a class", got=len(self.class_weights)
            )

    def takes_logits(self, gives: OutputKind) -> bool:
        return gives != "probabilities"

    def head(self, gives: OutputKind) -> Verb:
        _check_undropped(self, gives)
        return ops.cross_entropy_logits if self.takes_logits(gives) else ops.cross_entropy_probabilities

    def correct(self, output: Any, target: Any, gives: OutputKind) -> Any:
        return ops.correct_count(output, target, **({} if self.ignored is None else {"ignore": self.ignored}))

    def check_values(self, target: AnyArray) -> None:
        sums: AnyArray = np.asarray(target.sum(axis=-1, dtype=np.float64))
        if target.size and (target.min() < 0 or np.abs(sums - 1).max() > SHARES_TOLERANCE):
            got = f"values from {target.min():g} to {target.max():g}, sums from {sums.min():g} to {sums.max():g}"
            raise DataError.expected("class shares", expected="0 or more, of sum 1 for each sample", got=got)

    def attrs(self) -> dict[str, Any]:
        smoothing = {"smoothing": self.label_smoothing} if self.label_smoothing else {}
        return smoothing | ({} if self.ignored is None else {"ignore": self.ignored})

    def extra(self) -> tuple[AnyArray, ...]:
        return () if self.class_weights is None else (np.asarray(self.class_weights, np.float32),)

    def answers(self, target: AnyArray) -> int:
        if target.dtype.kind not in "iu":
            return int(target.size // target.shape[-1])
        return int(target.size if self.ignored is None else np.count_nonzero(target != self.ignored))

    def weight(self, target: AnyArray) -> float:
        if self.class_weights is None or target.dtype.kind not in "iu":
            return float(self.answers(target))
        labels = target if self.ignored is None else target[target != self.ignored]
        return float(np.asarray(self.class_weights)[labels].sum())


@kind
class BinaryCrossEntropy(Loss):
    """Mean cross-entropy of independent yes/no outputs, on logits, or on probabilities after a sigmoid or Softmax.

    An answer is yes above probability 1/2, and correct if the target is.
    """

    name: ClassVar[str] = "binary_cross_entropy"
    yes_no: ClassVar[bool] = True

    def takes_logits(self, gives: OutputKind) -> bool:
        return gives == "values"

    def head(self, gives: OutputKind) -> Verb:
        _check_undropped(self, gives)
        return ops.binary_cross_entropy_logits if self.takes_logits(gives) else ops.binary_cross_entropy_probabilities

    def correct(self, output: Any, target: Any, gives: OutputKind) -> Any:
        """Counted as two classes, no and yes."""
        no = ops.multiply(output, -1.0) if self.takes_logits(gives) else ops.subtract(1.0, output)
        return ops.correct_count(_side_by_side(no, output), _side_by_side(ops.subtract(1.0, target), target))

    def answers(self, target: AnyArray) -> int:
        return int(target.size)

    def check_values(self, target: AnyArray) -> None:
        if target.size and (target.min() < 0 or target.max() > 1):
            raise DataError.expected(
                "target of binary_cross_entropy", expected="numbers from 0 to 1",
                got=f"{target.min():g} to {target.max():g}", do="scale them, such as (y + 1) / 2 or y / 255",
            )  # fmt: skip


def _side_by_side(no: Any, yes: Any) -> Any:
    """Two columns, a row for each element."""
    return ops.concat(*(ops.reshape(column, shape=(-1, 1)) for column in (no, yes)), axis=-1)


@kind
class MSE(Loss):
    """Mean squared error."""

    name: ClassVar[str] = "mse"

    def head(self, gives: OutputKind) -> Verb:
        return ops.squared_error


@kind
class MAE(Loss):
    """Mean absolute error."""

    name: ClassVar[str] = "mae"

    def head(self, gives: OutputKind) -> Verb:
        return ops.absolute_error


@kind
class Huber(Loss):
    """Quadratic up to `delta`, linear beyond (Huber 1964)."""

    name: ClassVar[str] = "huber"

    _: KW_ONLY
    delta: Positive = 1.0
    """Error at which the loss becomes linear (δ)."""

    def head(self, gives: OutputKind) -> Verb:
        return ops.huber_error

    def attrs(self) -> dict[str, Any]:
        return {"delta": self.delta}


def _check_undropped(loss: Loss, gives: OutputKind) -> None:
    if gives == "dropped":
        raise ConfigError.expected(
            f'loss "{loss.name}"', expected="probabilities as they are",
            got="those that a Dropout layer makes 0 or scales in training",
            do="put the Dropout before the last layer with weights",
        )  # fmt: skip


LOSSES: dict[str, type[Loss]] = {c.name: c for c in (CrossEntropy, BinaryCrossEntropy, MSE, MAE, Huber)}
assert set(LOSSES) == set(get_args(LossName))


def resolve_loss(loss: Loss | LossName | OptionsConfig) -> Loss:
    """A loss from itself, its name or plain data; raises ConfigError for an unknown one."""
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, Mapping):
        return Loss.from_config(loss)
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ConfigError.expected("loss", expected=" or ".join(LOSSES), got=repr(loss))
    return LOSSES[loss]()


def check_target(loss: Loss, output_shape: tuple[int, ...], target: ArrayLike) -> AnyArray:
    """A target as an array that fits an output (batch first).

    Raises:
        ShapeError: the shape does not fit.
        DataError: labels out of range, values that are not finite, not numbers or hidden by a mask.
        ConfigError: the loss has class weights for another number of classes.
    """
    array = _in_rank(loss, output_shape, read_numbers("target", target))
    loss.check_outputs(output_shape[-1])
    if loss.classes and array.shape == output_shape[:-1]:
        return _check_labels(loss, array, output_shape[-1])
    if array.shape != output_shape:
        labels = f"integer labels {output_shape[:-1]} or " if loss.classes else ""
        raise ShapeError.expected("target", expected=f"{labels}{output_shape}", got=array.shape)
    values = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError.expected("target", expected="finite numbers", got="NaN or infinity", do="clean the data first")
    loss.check_values(values)
    return values


def _in_rank(loss: Loss, output_shape: tuple[int, ...], target: AnyArray) -> AnyArray:
    """A target with a last axis of one label, or without that of one output, as the loss and the output have it."""
    if loss.classes and output_shape[-1] > 1 and target.shape == (*output_shape[:-1], 1):
        return target.reshape(output_shape[:-1])
    if not loss.classes and output_shape[-1] == 1 and target.shape == output_shape[:-1]:
        return target.reshape(output_shape)
    return target


def _check_labels(loss: Loss, labels: AnyArray, classes: int) -> AnyArray:
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        raise DataError.expected("class labels", expected="whole numbers", got="fractions or NaN")
    # Compared before they are narrowed, which could make the ignored label a class.
    given = getattr(loss, "ignore_label", None)
    counted = np.ones(labels.shape, bool) if given is None else np.asarray(labels != given)
    found = labels[counted]
    if found.size and (found.min() < 0 or found.max() >= classes):
        raise DataError.expected("class labels", expected=f"0 to {classes - 1}", got=f"{found.min()} to {found.max()}")
    narrow = np.full(labels.shape, -1 if loss.ignored is None else loss.ignored, np.int32)
    narrow[counted] = found.astype(np.int32)
    return narrow


def hide_target(loss: Loss, output_shape: tuple[int, ...], target: AnyArray, mask: AnyArray) -> AnyArray:
    """A checked target without padding: where each entry has a label, hidden ones get the ignored label.

    Args:
        output_shape: (B, N, …, C) where each entry has an output of its own; any other takes no part.
        mask: (B, N), 1 for entries and 0 for padding.

    Raises:
        DataError: the loss would count padding.
    """
    if len(output_shape) < 3 or output_shape[:2] != mask.shape or mask.all():
        return target
    if target.dtype.kind not in "iu" or loss.ignored is None:
        raise DataError.expected(
            "mask", expected="a loss that leaves out padded entries", got=f"{loss.name} of every entry",
            do="give integer labels to CrossEntropy(ignore_label=-1), or inputs of equal length without a mask",
        )  # fmt: skip
    shown = mask.reshape(mask.shape + (1,) * (target.ndim - 2))
    return np.where(shown > 0, target, np.int32(loss.ignored))


def divisor(weight: float) -> float:
    """Divisor of a sum of losses for a target of this weight, or for several: the weight, or 1 if that is 0."""
    return weight or 1.0


def loss_and_gradient(loss: Loss, output: ArrayLike, target: ArrayLike, gives: OutputKind = "values") -> LossGradient:
    """Any loss on arrays; a single sample (no batch axis) is answered without one.

    Raises:
        ShapeError, DataError: see `check_target`.
    """
    y = read_numbers("output", output)
    y = y if y.dtype == np.float64 else y.astype(np.float32)
    single = y.ndim == 1
    rows = y[None] if single else y
    if rows.ndim == 0:
        raise ShapeError.expected("output", expected="at least one axis", got="a scalar")
    if not rows.size:
        raise DataError.expected("output", expected="at least one sample", got="none")
    wanted = check_target(loss, rows.shape, read_numbers("target", target)[None] if single else target)
    if wanted.dtype.kind == "f":
        wanted = wanted.astype(y.dtype) if y.dtype != np.float64 else np.asarray(target, np.float64).reshape(rows.shape)
    with np.errstate(all="ignore"):
        value, grad = loss.head(gives)(rows, wanted, *loss.extra(), **loss.attrs())
    return LossGradient(float(value), grad[0] if single else grad)


def cross_entropy_loss_grad(
    output: ArrayLike, target: ArrayLike, *, from_logits: bool | None = None, label_smoothing: float = 0.0
) -> LossGradient:
    """Cross-entropy and its gradient with respect to `output`.

    Args:
        output: (B, C) or (C): logits, or probabilities as from a Softmax layer.
        target: labels (B) or class shares (B, C).
        from_logits: whether `output` holds logits. None guesses: rows of numbers between 0 and 1 that sum to 1 are
            taken for probabilities. Set it if your logits may look like that.
        label_smoothing: share of each target that is spread over all classes.

    Returns:
        `(loss, grad)`; the loss is NaN if the output is.

    Raises:
        ShapeError: shapes do not fit.
        DataError: labels out of range or targets not finite; outputs that are no probabilities, with
            `from_logits=False`.
    """
    y = read_numbers("output", output)
    fit = _are_probabilities(y)
    if from_logits is False and not fit and y.size and np.isfinite(y).all():
        raise DataError.expected(
            "output", expected="probabilities of sum 1 for each sample",
            got=f"values from {y.min():g} to {y.max():g}", do="set from_logits=True",
        )  # fmt: skip
    logits = not fit if from_logits is None else from_logits
    loss = CrossEntropy(label_smoothing=label_smoothing)
    return loss_and_gradient(loss, y, target, "values" if logits else "probabilities")


def _are_probabilities(y: AnyArray) -> bool:
    if y.ndim == 0 or y.shape[-1] < 2 or y.dtype.kind != "f":
        return False
    return bool((y >= 0).all() and (y <= 1).all() and np.allclose(y.sum(axis=-1), 1, atol=1e-3))


def mse_loss_grad(output: ArrayLike, target: ArrayLike) -> LossGradient:
    """Mean squared error over all elements and its gradient; shapes equal. Raises ShapeError, DataError."""
    return loss_and_gradient(MSE(), output, target)


def mae_loss_grad(output: ArrayLike, target: ArrayLike) -> LossGradient:
    """Mean absolute error over all elements and its gradient; shapes equal. Raises ShapeError, DataError."""
    return loss_and_gradient(MAE(), output, target)


def huber_loss_grad(output: ArrayLike, target: ArrayLike, *, delta: float = 1.0) -> LossGradient:
    """Huber loss over all elements and its gradient; shapes equal. Raises ShapeError, DataError."""
    return loss_and_gradient(Huber(delta=delta), output, target)


def binary_cross_entropy_loss_grad(
    output: ArrayLike, target: ArrayLike, *, from_logits: bool | None = None
) -> LossGradient:
    """Binary cross-entropy over all elements and its gradient with respect to `output`.

    Args:
        output: logits, or probabilities as from a sigmoid.
        target: 0, 1 or shares between; the output's shape.
        from_logits: whether `output` holds logits. None guesses: numbers between 0 and 1 are taken for probabilities.
            Set it if your logits may look like that.

    Raises:
        ShapeError: shapes do not fit.
        DataError: targets below 0 or above 1; outputs that are no probabilities, with `from_logits=False`.
    """
    y = read_numbers("output", output)
    inside = bool(((y >= 0) & (y <= 1)).all())
    if from_logits is False and not inside and np.isfinite(y).all():
        got = f"{y.min():g} to {y.max():g}"
        raise DataError.expected("output", expected="probabilities from 0 to 1", got=got, do="set from_logits=True")
    logits = not inside if from_logits is None else from_logits
    return loss_and_gradient(BinaryCrossEntropy(), y, target, "values" if logits else "independent")
