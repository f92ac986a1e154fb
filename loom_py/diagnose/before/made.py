"""Findings about a run as a whole, before its first step."""

from __future__ import annotations

from loom_py.diagnose.finding import CheckName, Finding, Severity
from loom_py.shapes import AnyArray

NAMED = 8


def found(
    rule: CheckName, severity: Severity, text: str, suggestions: tuple[str, ...], **evidence: float | int | str
) -> Finding:
    """A finding without layer and step."""
    return Finding(rule, None, None, severity, evidence, text, suggestions)


def named(numbers: AnyArray) -> str:
    """The first numbers of features or classes, as text."""
    more = ", …" if len(numbers) > NAMED else ""
    return ", ".join(map(str, numbers[:NAMED].tolist())) + more
