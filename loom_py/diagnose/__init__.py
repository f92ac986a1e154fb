"""Diagnosis: what is wrong with a run, where, since when, and what may help."""

from loom_py.diagnose.diagnosis import diagnose
from loom_py.diagnose.finding import Finding, RuleName, Severity
from loom_py.diagnose.observer import DiagnosticObserver

__all__ = ["DiagnosticObserver", "Finding", "RuleName", "Severity", "diagnose"]
