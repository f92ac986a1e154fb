"""DeviationMetrics: the distribution of errors over buckets, with scores and worst samples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from loom_py.config.arguments import checked
from loom_py.config.fields import Count, NonNegative
from loom_py.errors import ConfigError, DataError, FileFormatError, LoomError
from loom_py.evaluate.arrays import Vector, pairs, vector
from loom_py.evaluate.buckets import Preset
from loom_py.evaluate.classification import (
    Counts,
    are_probabilities,
    checked_label,
    label_of,
    true_class_probability,
)
from loom_py.evaluate.comparison import DeviationComparison, compare_deviations
from loom_py.evaluate.deviation_counts import Aggregate, DeviationCounts
from loom_py.evaluate.deviation_file import read_state, write_state
from loom_py.evaluate.regression import check_sizes
from loom_py.evaluate.report import report_text
from loom_py.evaluate.samples import given_id


class DeviationMetrics(DeviationCounts):
    """Sorts predictions into buckets by relative deviation, sample by sample, in bounded memory.

    The deviation of a value is |predicted − expected| / |expected|, or |predicted − expected| where |expected| < eps;
    that of a sample is the largest or the mean of its values' deviations. For classes it is 1 − probability of the true
    class. A sample with a value that is not finite is *invalid* and counts as failed.

    Attributes:
        preset: name of the buckets.
        aggregate: "max" or "mean" of the values' deviations.
        eps: smallest |expected| that is used as a divisor.
        count: samples so far.
        invalid: samples with NaN or infinity; they are counted in the last bucket too.
        bucket_counts: samples in each bucket, in order.
    """

    @checked
    def __init__(
        self,
        preset: Preset = "guide",
        aggregate: Aggregate = "max",
        eps: NonNegative = 1e-10,
        *,
        worst: Count = 100,
        samples_per_bucket: Count = 1000,
    ) -> None:
        """Create empty metrics.

        Args:
            preset: "guide" (Perfect … Failed) or "loom" (10/20/30/40/50/100 %, upper edges included).
            aggregate: "max" or "mean" over a sample's values.
            eps: smallest |expected| that is used as a divisor.
            worst: number of worst samples kept with their values.
            samples_per_bucket: number of ids kept for each bucket; of more, a random sample.

        Raises:
            ConfigError: an option is unknown or out of range.
        """
        super().__init__(preset, aggregate, eps, worst, samples_per_bucket)

    def update(self, output: ArrayLike, target: ArrayLike, sample_id: int | str | None = None) -> float:
        """Add one sample; probabilities of several classes with a label are added as by `update_class`.

        Args:
            output: prediction, any shape.
            target: expected values, as many as in the output, or the label of the true class.
            sample_id: id of the sample; None numbers samples in order of arrival.

        Returns:
            The sample's deviation as a fraction; NaN if it is invalid.

        Raises:
            ShapeError: the sizes of output and target differ, or differ from those of earlier samples.
            DataError: they are not numbers, or the label is not a class.
        """
        sample_id = given_id(sample_id)
        predicted, expected = vector(output, "output"), vector(target, "target")
        if expected.size == 1 and are_probabilities(predicted):
            return self.update_class(output, label_of(expected), sample_id)
        self.regression.update(predicted, expected)  # raises before anything else is changed
        deviation = self._deviation(predicted, expected)
        self._add(deviation, expected, predicted, sample_id)
        return deviation

    def update_class(self, probabilities: ArrayLike, label: int, sample_id: int | str | None = None) -> float:
        """Add one classified sample; its deviation is 1 − probability of the true class.

        Args:
            probabilities: probability of each class (C).
            label: the true class, from 0.
            sample_id: id of the sample; None numbers samples in order of arrival.

        Returns:
            The sample's deviation; NaN if a probability is not finite.

        Raises:
            ShapeError: the number of classes differs from that of earlier samples.
            DataError: the label is not a class, or a probability is not between 0 and 1.
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
        """Share of classified samples that are correct; NaN without any."""
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
        """Add the samples of other metrics with the same options; the result is independent of the order of merging.

        Raises:
            ConfigError: the options differ.
            ShapeError: the sizes of the samples differ.
        """
        mine, theirs = (self.preset, self.aggregate, self.eps), (other.preset, other.aggregate, other.eps)
        if mine != theirs:
            raise ConfigError.expected("merge", expected=f"preset, aggregate, eps of {mine}", got=theirs)
        self._merge_sums(other)

    def report(self) -> str:
        """The buckets as a bar chart in text, with counts and scores."""
        return report_text(self)

    def compare(self, other: DeviationMetrics) -> DeviationComparison:
        """Compare these metrics (a) with others (b): shares of the buckets, scores, and the better one."""
        return compare_deviations(self, other)

    def to_json(self) -> str:
        """The metrics as strict JSON."""
        return write_state(self)

    @classmethod
    def from_json(cls, text: str) -> DeviationMetrics:
        """Metrics from the text of `to_json`; raises FileFormatError if it is damaged or of another version."""
        options, fill = read_state(text)
        try:
            made = cls(**options)
        except (LoomError, TypeError) as error:
            raise FileFormatError(f"metrics: {error}") from None
        fill(made)
        return made

    def _deviation(self, predicted: Vector, expected: Vector) -> float:
        check_sizes(predicted, expected)
        if not (np.isfinite(predicted).all() and np.isfinite(expected).all()):
            return math.nan
        size = np.abs(expected)
        with np.errstate(over="ignore"):
            each = np.abs(predicted - expected) / np.where(size < self.eps, 1.0, size)
        # An overflow of float64 is still a failure of a finite prediction, not an invalid one.
        return float(min(np.max(each) if self.aggregate == "max" else np.mean(each), np.finfo(np.float64).max))
