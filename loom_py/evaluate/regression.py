"""Regression metrics over a stream of samples: MAE, RMSE, R²."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from loom_py.errors import FileFormatError, ShapeError
from loom_py.evaluate.arrays import Vector, pairs, vector
from loom_py.strict_json import decode_count, decode_float, encode_float

_NONE = np.zeros(0)


@dataclass(slots=True)
class RegressionMetrics:
    """Errors of predictions, in memory that does not grow with the number of samples.

    Means and squares of the targets are updated by Welford's method and merged by Chan's (Chan, Golub, LeVeque,
    "Updating formulae and a pairwise algorithm for computing sample variances", 1979), so that large offsets cause no
    cancellation. Samples with a value that is not finite are counted in `invalid` and left out.
    """

    count: int = 0
    """Valid samples."""
    invalid: int = 0
    """Samples with NaN or infinity."""
    _absolute: Vector = field(default_factory=lambda: _NONE)
    _squared: Vector = field(default_factory=lambda: _NONE)
    _mean: Vector = field(default_factory=lambda: _NONE)
    _spread: Vector = field(default_factory=lambda: _NONE)

    def update(self, output: ArrayLike, target: ArrayLike) -> None:
        """Add one sample.

        Args:
            output: prediction, any shape.
            target: expected values, of the same shape.

        Raises:
            ShapeError: the sizes differ, or differ from those of earlier samples.
            DataError: they are not numbers.
        """
        predicted, expected = vector(output, "output"), vector(target, "target")
        check_sizes(predicted, expected)
        if not (np.isfinite(predicted).all() and np.isfinite(expected).all()):
            self.invalid += 1
            return
        one = RegressionMetrics(count=1)
        with np.errstate(over="ignore", invalid="ignore"):  # squares beyond float64 count as infinite
            error = predicted - expected
            one._absolute, one._squared = np.abs(error), error * error
            one._mean, one._spread = expected, np.zeros_like(expected)
            self.merge(one)

    def update_batch(self, outputs: ArrayLike, targets: ArrayLike) -> None:
        """Add a batch of samples, one for each position of the first axis; raises as `update`."""
        for output, target in pairs(outputs, targets):
            self.update(output, target)

    def merge(self, other: RegressionMetrics) -> None:
        """Add the samples of another; raises ShapeError if their number of outputs differs."""
        if other.count and self.count and other._mean.size != self._mean.size:
            raise ShapeError.expected("outputs of a sample", expected=self._mean.size, got=other._mean.size)
        self.invalid += other.invalid
        if not other.count:
            return
        if not self.count:
            self.count = other.count
            for name in ("_absolute", "_squared", "_mean", "_spread"):
                setattr(self, name, getattr(other, name).copy())
            return
        total = self.count + other.count
        step = other._mean - self._mean
        self._spread = self._spread + other._spread + step * step * (self.count * other.count / total)
        self._mean = self._mean + step * (other.count / total)
        self._absolute = self._absolute + other._absolute
        self._squared = self._squared + other._squared
        self.count = total

    @property
    def mae(self) -> float:
        """Mean absolute error over samples and outputs; NaN without samples."""
        return float(self._absolute.mean()) / self.count if self.count else math.nan

    @property
    def rmse(self) -> float:
        """Root of the mean squared error over samples and outputs; NaN without samples."""
        return math.sqrt(float(self._squared.mean()) / self.count) if self.count else math.nan

    @property
    def r2(self) -> float:
        """1 − Σ(y − ŷ)² / Σ(y − ȳ)², averaged over outputs; NaN with fewer than two samples.

        An output with constant targets has 1 if it is predicted exactly, else 0.
        """
        if self.count < 2:
            return math.nan
        constant = self._spread == 0
        ratio = self._squared / np.where(constant, 1.0, self._spread)
        return float(np.where(constant, np.where(self._squared == 0, 1.0, 0.0), 1.0 - ratio).mean())

    def to_dict(self) -> dict[str, Any]:
        """The metrics as plain data for JSON."""
        sums = {name: [encode_float(v) for v in getattr(self, "_" + name).tolist()] for name in _SUMS}
        return {"count": self.count, "invalid": self.invalid, **sums}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RegressionMetrics:
        """The metrics from the data of `to_dict`; raises FileFormatError."""
        made = cls(decode_count(data.get("count"), "count"), decode_count(data.get("invalid"), "invalid"))
        found = [_read_sums(data.get(name), name) for name in _SUMS]
        made._absolute, made._squared, made._mean, made._spread = found
        if len({sums.size for sums in found}) != 1 or (made.count > 0) != (found[0].size > 0):
            got = f"{made.count} samples and {[sums.size for sums in found]} sums"
            raise FileFormatError.expected("regression metrics", expected="as many sums as outputs", got=got)
        return made


_SUMS = ("absolute", "squared", "mean", "spread")


def _read_sums(values: Any, name: str) -> Vector:
    if not isinstance(values, list):
        raise FileFormatError.expected(f"regression {name}", expected="a list of numbers", got=repr(values)[:40])
    sums = np.array([decode_float(value, f"regression {name}") for value in values], np.float64)
    if name != "mean" and (sums < 0).any():
        raise FileFormatError.expected(f"regression {name}", expected="numbers from 0", got=min(sums.tolist()))
    return sums


def check_sizes(predicted: Vector, expected: Vector) -> None:
    """Raise ShapeError unless prediction and target have equally many values."""
    if predicted.size != expected.size:
        do = "end the network with Softmax, or use update_class with probabilities" if expected.size == 1 else ""
        raise ShapeError.expected(
            "output", expected=f"{expected.size} values as in the target", got=predicted.size, do=do
        )
