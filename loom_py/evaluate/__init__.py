"""Evaluation: metrics of predictions, and their worst samples."""

from typing import TYPE_CHECKING

from loom_py.lazy import lazily

if TYPE_CHECKING:
    from loom_py.evaluate.buckets import Bucket
    from loom_py.evaluate.classification import ClassificationMetrics
    from loom_py.evaluate.comparison import DeviationComparison
    from loom_py.evaluate.deviation import DeviationMetrics
    from loom_py.evaluate.functions import accuracy, confusion_matrix, expected_calibration_error, mae, r2, rmse
    from loom_py.evaluate.regression import RegressionMetrics
    from loom_py.evaluate.samples import WorstSample
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "buckets": "Bucket",
            "classification": "ClassificationMetrics",
            "comparison": "DeviationComparison",
            "deviation": "DeviationMetrics",
            "functions": "accuracy confusion_matrix expected_calibration_error mae r2 rmse",
            "regression": "RegressionMetrics",
            "samples": "WorstSample",
        },
    )

__all__ = [
    "Bucket",
    "ClassificationMetrics",
    "DeviationComparison",
    "DeviationMetrics",
    "RegressionMetrics",
    "WorstSample",
    "accuracy",
    "confusion_matrix",
    "expected_calibration_error",
    "mae",
    "r2",
    "rmse",
]
