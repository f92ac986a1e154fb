"""Findings as SARIF 2.1.0 (OASIS 2020), which code hosts and editors show."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import getdoc
from pathlib import Path
from typing import Any
from urllib.parse import quote

from loom_py.diagnose.finding import Finding, Severity
from loom_py.diagnose.rules import RULES, Rule
from loom_py.strict_json import encode_float

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}


def sarif_log(findings: Sequence[Finding], recording: str | None, version: str | None = None) -> dict[str, Any]:
    """A SARIF log of one run.

    Args:
        findings: of a diagnosis, in their order.
        recording: path of the recording; None where it has none.
        version: version of this package; None if it is not known.
    """
    rules = [_rule(rule) for rule in RULES]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    driver = {"name": "loom_py", "rules": rules} | ({"version": version} if isinstance(version, str) else {})
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, index, recording) for finding in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def finding_data(finding: Finding) -> dict[str, Any]:
    """A finding as plain data; numbers that are not finite as texts."""
    return {
        "rule": finding.rule,
        "layer": finding.layer,
        "step": finding.step,
        "severity": finding.severity,
        "evidence": {name: _plain(value) for name, value in finding.evidence.items()},
        "explanation": finding.explanation,
        "suggestions": list(finding.suggestions),
        "cause": finding.cause,
        "remedies": [{"title": remedy.title, "change": dict(remedy.change)} for remedy in finding.remedies],
    }


def _rule(rule: type[Rule]) -> dict[str, Any]:
    """A rule's description: the first paragraph of its docstring is the short one."""
    text = " ".join((getdoc(rule) or rule.name).split())
    short = text.partition(". ")[0]
    return {
        "id": rule.name,
        "name": rule.__name__,
        "shortDescription": {"text": f"{short.rstrip('.')}."},
        "fullDescription": {"text": text},
        "help": {"text": text},
        "defaultConfiguration": {"level": "warning"},
    }


def _result(finding: Finding, index: dict[str, int], recording: str | None) -> dict[str, Any]:
    where = f"Layer {finding.layer}: " if finding.layer is not None else ""
    when = f"Step {finding.step}. " if finding.step is not None else ""
    text = f"{where}{when}{finding.explanation} Try: {'; '.join(finding.suggestions)}."
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": LEVELS[finding.severity],
        "message": {"text": text},
        "partialFingerprints": {"ruleAndLayer/v1": f"{finding.rule}/{finding.layer}"},
        "properties": finding_data(finding),
    }
    if finding.rule in index:
        result["ruleIndex"] = index[finding.rule]
    location: dict[str, Any] = {}
    if recording is not None:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(recording)}, "region": {"startLine": 1}}
    if finding.layer is not None:
        name = finding.layer.rpartition(".")[2]
        location["logicalLocations"] = [{"name": name, "fullyQualifiedName": finding.layer, "kind": "layer"}]
    return result | ({"locations": [location]} if location else {})


def _uri(path: str) -> str:
    """A relative path stays relative: it is then found from the root of a repository."""
    return Path(path).as_uri() if Path(path).is_absolute() else quote(Path(path).as_posix())


def _plain(value: float | int | str) -> float | int | str:
    return encode_float(value) if isinstance(value, float) else value
