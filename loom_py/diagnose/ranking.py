"""Ranking of findings: causes before their consequences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from loom_py.diagnose.finding import SEVERITIES, Finding
from loom_py.diagnose.rules import RULES, Rule

_RULES: dict[str, type[Rule]] = {rule.name: rule for rule in RULES}


def causes_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings with their causes named, each cause followed by its consequences; the gravest of these groups first.

    Args:
        findings: in order of occurrence.
    """
    found = list(findings)
    roots = [_root(place, found) for place in range(len(found))]
    worst = {root: min(SEVERITIES[found[p].severity] for p, own in enumerate(roots) if own == root) for root in roots}
    order = sorted(worst, key=lambda root: (worst[root], root))
    ranked: list[Finding] = []
    for root in order:
        ranked.append(found[root])
        places = [place for place, own in enumerate(roots) if own == root and place != root]
        ranked += [replace(found[place], cause=found[root].name) for place in places]
    return ranked


def _root(place: int, found: list[Finding]) -> int:
    """Place of the first cause in the chain of causes."""
    seen = {place}
    while (cause := _cause(place, found)) is not None and cause not in seen:
        seen.add(cause)
        place = cause
    return min(seen) if cause is not None else place


def _cause(place: int, found: list[Finding]) -> int | None:
    """Place of the earliest finding that explains this one."""
    return next((other for other in range(len(found)) if _explains(found, other, place)), None)


def _explains(found: list[Finding], cause: int, effect: int) -> bool:
    """Whether a finding may be the cause of another; of two rules that may follow each other, the first is."""
    first, second = found[cause], found[effect]
    if first.rule not in _follows(second):
        return False
    if (second.step or 0) - (first.step or 0) > _RULES[second.rule].looks_back:
        return False  # too long ago
    return _began(first) <= (second.step or 0) and (second.rule not in _follows(first) or cause < effect)


def _follows(finding: Finding) -> tuple[str, ...]:
    rule = _RULES.get(finding.rule)
    return rule.follows if rule else ()


def _began(finding: Finding) -> int:
    """First bad step of a finding, which is reported after several."""
    rule = _RULES.get(finding.rule)
    passes = finding.evidence.get("passes", rule.usual_patience if rule else 1)
    return (finding.step or 0) - (int(passes) - 1)
