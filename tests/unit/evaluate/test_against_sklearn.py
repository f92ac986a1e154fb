"""Classification and regression metrics against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loom_py.errors import DataError, ShapeError
from loom_py.evaluate import (
    ClassificationMetrics,
    DeviationMetrics,
    RegressionMetrics,
    accuracy,
    confusion_matrix,
    expected_calibration_error,
    mae,
    r2,
    rmse,
)


@pytest.fixture(scope="module")
def oracle():
    return pytest.importorskip("sklearn.metrics")


def classified(seed, count=400, classes=5):
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((count, classes)) * 2
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.where(rng.random(count) < 0.6, probabilities.argmax(1), rng.integers(0, classes, count))
    return probabilities, labels


@pytest.mark.parametrize("seed", range(3))
def test_accuracy_and_confusion_matrix(oracle, seed):
    probabilities, labels = classified(seed)
    guesses = probabilities.argmax(1)
    assert accuracy(probabilities, labels) == pytest.approx(oracle.accuracy_score(labels, guesses))
    np.testing.assert_array_equal(
        confusion_matrix(probabilities, labels), oracle.confusion_matrix(labels, guesses, labels=range(5))
    )


@pytest.mark.parametrize("seed", range(3))
def test_regression(oracle, seed):
    rng = np.random.default_rng(seed)
    targets = rng.standard_normal((300, 4)) * [1, 10, 0.1, 5] + 1e4  # a large offset must not cancel
    outputs = targets + rng.standard_normal((300, 4))
    assert mae(outputs, targets) == pytest.approx(oracle.mean_absolute_error(targets, outputs))
    assert rmse(outputs, targets) == pytest.approx(math.sqrt(oracle.mean_squared_error(targets, outputs)))
    assert r2(outputs, targets) == pytest.approx(oracle.r2_score(targets, outputs))


@pytest.mark.filterwarnings("ignore")
def test_r2_of_constant_targets(oracle):
    targets = np.ones((4, 2))
    outputs = np.array([[1, 1], [1, 2], [1, 1], [1, 1.0]])
    assert r2(outputs, targets) == oracle.r2_score(targets, outputs) == 0.5
    assert math.isnan(r2(outputs[:1], targets[:1]))


def test_calibration_error_by_its_definition():
    probabilities, labels = classified(3)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(probabilities, labels) == pytest.approx(expected, abs=1e-9)
    assert expected_calibration_error([[0.0, 1.0]] * 4, [1, 1, 1, 0]) == pytest.approx(0.25)
    assert expected_calibration_error([[0.25, 0.75]] * 4, [1, 1, 1, 0]) == pytest.approx(0.0)


def test_deviation_metrics_carry_them():
    probabilities, labels = classified(4)
    metrics = DeviationMetrics()
    metrics.update_class_batch(probabilities, labels)
    assert metrics.accuracy == accuracy(probabilities, labels)
    assert metrics.calibration_error == expected_calibration_error(probabilities, labels)
    assert metrics.confusion_matrix.sum() == 400
    metrics.update_batch([[1.0], [4.0]], [[2.0], [4.0]])
    assert (metrics.mae, metrics.rmse) == (0.5, math.sqrt(0.5))
    assert metrics.r2 == pytest.approx(0.5)


def test_what_is_not_finite_is_counted_and_left_out():
    regression = RegressionMetrics()
    for output, target in ((1.0, 2.0), (math.nan, 1.0), (1.0, math.inf)):
        regression.update([output], [target])
    assert (regression.count, regression.invalid, regression.mae) == (1, 2, 1.0)
    metrics = ClassificationMetrics()
    metrics.update([0.1, 0.9], 1)
    metrics.update([math.nan, 0.9], 1)
    assert (metrics.count, metrics.invalid, metrics.accuracy) == (1, 1, 0.5)


def test_nothing_is_not_zero():
    assert math.isnan(RegressionMetrics().mae)
    assert math.isnan(RegressionMetrics().rmse)
    assert math.isnan(ClassificationMetrics().accuracy)
    assert math.isnan(ClassificationMetrics().calibration_error)


@given(st.lists(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), max_size=10), min_size=3, max_size=3))
def test_regression_merges_associatively(parts):
    def of(pairs):
        metrics = RegressionMetrics()
        for output, target in pairs:
            metrics.update([output], [target])
        return metrics

    def merged(*metrics):
        total = RegressionMetrics()
        for part in metrics:
            total.merge(part)
        return total

    a, b, c = map(of, parts)
    left, right, stream = (
        merged(merged(a, b), c),
        merged(a, merged(b, c)),
        of([pair for part in parts for pair in part]),
    )
    for other in (right, stream):
        np.testing.assert_allclose(
            [left.mae, left.rmse, left.count, *left._spread],
            [other.mae, other.rmse, other.count, *other._spread],
            rtol=1e-9,
            atol=1e-9,
        )


def test_refusals():
    with pytest.raises(ShapeError):
        RegressionMetrics().update([1.0, 2.0], [1.0])
    with pytest.raises(DataError):
        ClassificationMetrics().update([0.5, 0.5], 7)
    a, b = RegressionMetrics(), RegressionMetrics()
    a.update([1.0], [1.0])
    b.update([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ShapeError):
        a.merge(b)
    assert a.count == 1
