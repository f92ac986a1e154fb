"""Classification metrics over a stream of samples: accuracy, confusion matrix, expected calibration error."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loom_py.errors import DataError, FileFormatError, ShapeError
from loom_py.evaluate.arrays import Vector, pairs, vector
from loom_py.strict_json import decode_count

CALIBRATION_BINS = 15
"""Bins of confidence, of equal width (Guo et al., "On Calibration of Modern Neural Networks", 2017)."""
_UNIT = 2**40
"""Confidences are summed as integers in units of 2⁻⁴⁰: sums are independent of the order, so merging is associative."""

Counts = NDArray[np.int64]


@dataclass(slots=True)
class ClassificationMetrics:
    """Accuracy and calibration of classifications, in memory that does not grow with the number of samples."""

    count: int = 0
    """Valid samples."""
    invalid: int = 0
    """Samples with a probability that is not finite; the accuracy counts them as wrong."""
    _confusion: Counts = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    _bin_count: list[int] = field(default_factory=lambda: [0] * CALIBRATION_BINS)
    _bin_right: list[int] = field(default_factory=lambda: [0] * CALIBRATION_BINS)
    _bin_confidence: list[int] = field(default_factory=lambda: [0] * CALIBRATION_BINS)

    def update(self, probabilities: ArrayLike, label: int) -> None:
        """Add one sample.

        Args:
            probabilities: probability of each class (C).
            label: the true class, from 0.

        Raises:
            ShapeError: the number of classes differs from that of earlier samples.
            DataError: the label is not a class, or the probabilities are not numbers.
        """
        found = vector(probabilities, "probabilities")
        true = checked_label(label, found.size)
        self._resize(found.size)
        if not np.isfinite(found).all():
            self.invalid += 1
            return
        guess = int(np.argmax(found))
        confidence = min(max(float(found[guess]), 0.0), 1.0)
        # Bins are (low, high]; a confidence of 0 belongs to the first.
        index = max(math.ceil(confidence * CALIBRATION_BINS) - 1, 0)
        self.count += 1
        self._confusion[true, guess] += 1
        self._bin_count[index] += 1
        self._bin_right[index] += guess == true
        self._bin_confidence[index] += round(confidence * _UNIT)

    def update_batch(self, probabilities: ArrayLike, labels: ArrayLike) -> None:
        """Add a batch of samples (B,C) with their labels (B); raises as `update`."""
        for given, label in pairs(probabilities, labels):
            self.update(given, label)

    def merge(self, other: ClassificationMetrics) -> None:
        """Add the samples of another; raises ShapeError if the number of classes differs."""
        if len(other._confusion):
            self._resize(len(other._confusion))
            self._confusion += other._confusion
        self.count += other.count
        self.invalid += other.invalid
        for name in ("_bin_count", "_bin_right", "_bin_confidence"):
            setattr(self, name, list(map(operator.add, getattr(self, name), getattr(other, name))))

    @property
    def accuracy(self) -> float:
        """Share of correct predictions among all samples, invalid ones included; NaN without samples."""
        total = self.count + self.invalid
        return int(self._confusion.trace()) / total if total else math.nan

    @property
    def confusion_matrix(self) -> Counts:
        """Samples of each true class (row) by predicted class (column) (C,C)."""
        return self._confusion.copy()

    @property
    def calibration_error(self) -> float:
        """Expected calibration error Σ |right − confidence| / n over bins of confidence; NaN without samples."""
        if not self.count:
            return math.nan
        gaps = (
            abs(right - confidence / _UNIT)
            for right, confidence in zip(self._bin_right, self._bin_confidence, strict=True)
        )
        return math.fsum(gaps) / self.count

    def to_dict(self) -> dict[str, Any]:
        """The metrics as plain data for JSON."""
        return {
            "count": self.count,
            "invalid": self.invalid,
            "confusion": self._confusion.tolist(),
            "bin_count": self._bin_count,
            "bin_right": self._bin_right,
            # As text, since other languages would round beyond 2⁵³.
            "bin_confidence": [str(units) for units in self._bin_confidence],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ClassificationMetrics:
        """The metrics from the data of `to_dict`; raises FileFormatError."""
        made = cls(decode_count(data.get("count"), "count"), decode_count(data.get("invalid"), "invalid"))
        try:
            rows = [[decode_count(n, "confusion") for n in row] for row in data["confusion"]]
            made._confusion = np.array(rows, np.int64).reshape(len(rows), len(rows))
            made._bin_count = [decode_count(n, "bin_count") for n in data["bin_count"]]
            made._bin_right = [decode_count(n, "bin_right") for n in data["bin_right"]]
            made._bin_confidence = [
                decode_count(int(n), "bin_confidence", 2**63 * _UNIT) for n in data["bin_confidence"]
            ]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FileFormatError(f"classification metrics are damaged: {error}") from error
        if {len(made._bin_count), len(made._bin_right), len(made._bin_confidence)} != {CALIBRATION_BINS}:
            raise FileFormatError.expected("calibration bins", expected=CALIBRATION_BINS, got="another number")
        totals = [sum(map(sum, rows)), sum(made._bin_count)]
        if totals != [made.count, made.count] or any(map(operator.gt, made._bin_right, made._bin_count)):
            raise FileFormatError.expected("samples in bins and classes", expected=made.count, got=totals)
        return made

    def _resize(self, classes: int) -> None:
        if not len(self._confusion):
            self._confusion = np.zeros((classes, classes), np.int64)
        if len(self._confusion) != classes:
            raise ShapeError.expected("classes", expected=len(self._confusion), got=classes)


def checked_label(label: int, classes: int) -> int:
    """The label as a class number; raises DataError if it is not one."""
    try:
        number = operator.index(label)
    except TypeError:
        number = -1
    if not 0 <= number < classes:
        raise DataError.expected("label", expected=f"a class number from 0 to {classes - 1}", got=repr(label))
    return number


def label_of(target: Vector) -> int:
    """A target of one value as a label; raises DataError if it is no whole number."""
    value = float(target[0])
    if not value.is_integer():
        raise DataError.expected("label", expected="a class number", got=value, do="pass as many targets as outputs")
    return int(value)


def are_probabilities(output: Vector) -> bool:
    """Whether an output is a distribution over several classes, or would be but for values that are not finite."""
    if output.size < 2 or not np.isfinite(output).all():
        return output.size > 1
    return float(np.min(output)) >= 0 and abs(float(np.sum(output)) - 1) < 1e-3


def true_class_probability(probabilities: Vector, label: int) -> float:
    """Probability of the true class; NaN if any probability is not finite."""
    return float(probabilities[label]) if np.isfinite(probabilities).all() else math.nan
