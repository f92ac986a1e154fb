"""Metrics of whole arrays in one call."""

from __future__ import annotations

from numpy.typing import ArrayLike

from loom_py.evaluate.classification import ClassificationMetrics, Counts
from loom_py.evaluate.regression import RegressionMetrics


def accuracy(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Share of samples whose most probable class is the true class.

    Args:
        probabilities: of each class (B,C).
        labels: true classes (B).
    """
    return _classified(probabilities, labels).accuracy


def confusion_matrix(probabilities: ArrayLike, labels: ArrayLike) -> Counts:
    """Samples of each true class (row) by most probable class (column) (C,C); arguments as in `accuracy`."""
    return _classified(probabilities, labels).confusion_matrix


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean difference between confidence and accuracy over 15 bins of confidence; arguments as in `accuracy`."""
    return _classified(probabilities, labels).calibration_error


def mae(outputs: ArrayLike, targets: ArrayLike) -> float:
    """Mean absolute error; outputs and targets (B,…)."""
    return _regressed(outputs, targets).mae


def rmse(outputs: ArrayLike, targets: ArrayLike) -> float:
    """Root of the mean squared error; outputs and targets (B,…)."""
    return _regressed(outputs, targets).rmse


def r2(outputs: ArrayLike, targets: ArrayLike) -> float:
    """Coefficient of determination, averaged over outputs; outputs and targets (B,…)."""
    return _regressed(outputs, targets).r2


def _classified(probabilities: ArrayLike, labels: ArrayLike) -> ClassificationMetrics:
    metrics = ClassificationMetrics()
    metrics.update_batch(probabilities, labels)
    return metrics


def _regressed(outputs: ArrayLike, targets: ArrayLike) -> RegressionMetrics:
    metrics = RegressionMetrics()
    metrics.update_batch(outputs, targets)
    return metrics
