"""Diagnosis: faults of a training run, with layer, step, cause and remedies."""

from typing import TYPE_CHECKING

from loom_py.lazy import lazily

if TYPE_CHECKING:
    from loom_py.diagnose.diagnosis import diagnose
    from loom_py.diagnose.finding import Finding, RuleName, Severity
    from loom_py.diagnose.observer import DiagnosticObserver
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "diagnosis": "diagnose",
            "finding": "Finding RuleName Severity",
            "observer": "DiagnosticObserver",
        },
    )

__all__ = ["DiagnosticObserver", "Finding", "RuleName", "Severity", "diagnose"]
