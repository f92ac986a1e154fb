"""DeviationMetrics: not only how often predictions are right, but how wrong they are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from loom_py.errors import ConfigError, DataError
from loom_py.evaluate.arrays import Vector, pairs, vector
from loom_py.evaluate.buckets import Preset
from loom_py.evaluate.classification import Counts, checked_label, true_class_probability
from loom_py.evaluate.comparison import DeviationComparison, compare_deviations
from loom_py.evaluate.deviation_counts import Aggregate, DeviationCounts
from loom_py.evaluate.deviation_file import read_state, write_state
from loom_py.evaluate.regression import check_sizes
from loom_py.evaluate.report import report_text
from loom_py.evaluate.samples import given_id


class DeviationMetrics(DeviationCounts):
    """Sorts predictions into buckets by their relative deviation, live, in bounded memory.

    The deviation of a value is |predicted − expected| / |expected|, where |expected| < eps it is
    |predicted − expected|; a sample's is the largest or the mean of its values'. For classes it is
    1 − probability of the true class. A sample with a value that is not finite is *invalid*: it fails.

    Attributes:
        preset: which buckets.
        aggregate: how a sample's deviation comes of its values'.
        eps: smallest target that is divided by.
        count: samples so far.
        invalid: samples with NaN or infinity; they are in the last bucket too.
        bucket_counts: samples in each bucket, in order.
    """

    def __init__(
        self,
        preset: Preset = "guide",
        aggregate: Aggregate = "max",
        eps: float = 1e-10,
        *,
        worst: int = 100,
        samples_per_bucket: int = 1000,
    ) -> None:
        """Create empty metrics.

        Args:
            preset: "guide" (Perfect … Failed) or "loom" (10/20/30/40/50/100 %, upper edges included).
            aggregate: "max" or "mean" over a sample's values.
            eps: smallest |expected| that is divided by.
            worst: worst samples that are remembered with their values.
            samples_per_bucket: ids that are remembered for each bucket; of more a fair sample.

        Raises:
            ConfigError: an option is unknown or out of range.
        """
        super().__init__(preset, aggregate, eps, worst, samples_per_bucket)

    def update(self, output: ArrayLike, target: ArrayLike, sample_id: int | str | None = None) -> float:
        """Add one sample.

        Args:
            output: prediction, any shape.
            target: what it should be, as many values.
            sample_id: what to call it; None is its number in order of arrival.

        Returns:
            The sample's deviation as a fraction; NaN when it is invalid.

        Raises:
            ShapeError: output and target have different sizes, or others than before.
            DataError: they are no numbers.
        """
        sample_id = given_id(sample_id)
        predicted, expected = vector(output, "output"), vector(target, "target")
        self.regression.update(predicted, expected)  # raises before anything is changed here
        deviation = self._deviation(predicted, expected)
        self._add(deviation, expected, predicted, sample_id)
        return deviation

    def update_class(self, probabilities: ArrayLike, label: int, sample_id: int | str | None = None) -> float:
        """Add one classified sample; its deviation is 1 − probability of the true class.

        Args:
            probabilities: probability of each class (C).
            label: the true class, from 0.
            sample_id: what to call it; None is its number in order of arrival.

        Returns:
            The sample's deviation; NaN when a probability is not finite.

        Raises:
            ShapeError: there are other classes than before.
            DataError: the label is no class, or a probability is not between 0 and 1.
        """
        sample_id = given_id(sample_id)
        found = vector(probabilities, "probabilities")
        true = checked_label(label, found.size)
        given = true_class_probability(found, true)
        if not math.isnan(given) and (float(np.min(found)) < -1e-6 or float(np.max(found)) > 1 + 1e-6):
            raise DataError.expected(
                "probabilities",
                expected="values between 0 and 1",
                got=f"{float(np.min(found)):.4g} to {float(np.max(found)):.4g}",
                do="end the network with Softmax, or apply it to the outputs",
            )
        self.classification.update(found, true)
        deviation = 1.0 - min(max(given, 0.0), 1.0) if math.isfinite(given) else math.nan
        self._add(deviation, np.array([float(true)]), found, sample_id)
        return deviation

    def update_batch(self, outputs: ArrayLike, targets: ArrayLike) -> None:
        """Add a batch of samples, one for each position of the first axis; raises as `update`."""
        for output, target in pairs(outputs, targets):
            self.update(output, target)

    def update_class_batch(self, probabilities: ArrayLike, labels: ArrayLike) -> None:
        """Add a batch of classified samples (B,C) with their labels (B); raises as `update_class`."""
        for given, label in pairs(probabilities, labels):
            self.update_class(given, label)

    @property
    def accuracy(self) -> float:
        """Share of classified samples that are right; NaN without any."""
        return self.classification.accuracy

    @property
    def confusion_matrix(self) -> Counts:
        """Classified samples by true class (row) and predicted class (column) (C,C)."""
        return self.classification.confusion_matrix

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the classified samples, 15 bins; NaN without any."""
        return self.classification.calibration_error

    @property
    def mae(self) -> float:
        """Mean absolute error of the samples with values; NaN without any."""
        return self.regression.mae

    @property
    def rmse(self) -> float:
        """Root of the mean squared error of the samples with values; NaN without any."""
        return self.regression.rmse

    @property
    def r2(self) -> float:
        """Coefficient of determination of the samples with values; NaN with fewer than two."""
        return self.regression.r2

    def merge(self, other: DeviationMetrics) -> None:
        """Add the samples of other metrics with the same options; the order of merging does not matter.

        Raises:
            ConfigError: the options differ.
            ShapeError: the samples have other sizes.
        """
        mine, theirs = (self.preset, self.aggregate, self.eps), (other.preset, other.aggregate, other.eps)
        if mine != theirs:
            raise ConfigError.expected("merge", expected=f"preset, aggregate, eps of {mine}", got=theirs)
        self._merge_sums(other)

    def report(self) -> str:
        """The buckets as the guide's picture of bars, with counts and scores."""
        return report_text(self)

    def compare(self, other: DeviationMetrics) -> DeviationComparison:
        """These metrics (a) beside others (b): shares of the buckets, scores, which is better."""
        return compare_deviations(self, other)

    def to_json(self) -> str:
        """Everything as strict JSON."""
        return write_state(self)

    @classmethod
    def from_json(cls, text: str) -> DeviationMetrics:
        """Metrics from what `to_json` wrote; raises FileFormatError when it is damaged or of another version."""
        options, fill = read_state(text)
        made = cls(**options)
        fill(made)
        return made

    def _deviation(self, predicted: Vector, expected: Vector) -> float:
        check_sizes(predicted, expected)
        if not (np.isfinite(predicted).all() and np.isfinite(expected).all()):
            return math.nan
        size = np.abs(expected)
        with np.errstate(over="ignore"):
            each = np.abs(predicted - expected) / np.where(size < self.eps, 1.0, size)
        # Beyond float64 it is still a failure of a finite prediction, not an invalid one.
        return float(min(np.max(each) if self.aggregate == "max" else np.mean(each), np.finfo(np.float64).max))
