"""Findings about a run as a whole, before its first step."""

from __future__ import annotations

from loom_py.diagnose.finding import CheckName, Finding, Severity


def found(
    rule: CheckName, severity: Severity, text: str, suggestions: tuple[str, ...], **evidence: float | int | str
) -> Finding:
    """A finding without layer and step."""
    return Finding(rule, None, None, severity, evidence, text, suggestions)
