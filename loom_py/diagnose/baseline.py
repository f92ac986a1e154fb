"""A run judged by an earlier one: floor, end, improvement, speed and findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from loom_py.diagnose.diagnosis import diagnose
from loom_py.diagnose.finding import SEVERITIES, Finding, Severity
from loom_py.errors import ConfigError, DataError
from loom_py.telemetry.events import TrainingEvent
from loom_py.telemetry.recording import Recording

MeasureVerdict = Literal["better", "same", "worse"]
MeasureName = Literal["floor", "end", "improvement", "speed", "validation_floor", "validation_end"]
NEGLIGIBLE = 1e-3
"""Share of the baseline's first loss below which losses are equal."""
_WINDOW_SHARE = 20
_LONGEST_WINDOW = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMeasure:
    """One measure of two runs."""

    name: MeasureName
    """Measure: losses are means of neighbouring batches; "floor" the lowest, "end" the last, "improvement" the share of
    the first loss that is gone at the end, "speed" the first step at the baseline's floor."""
    baseline: float
    """Value of the baseline."""
    candidate: float
    """Value of the candidate; infinite for a loss that is not finite, and a floor that is not reached."""
    limit: float
    """Worst value of the candidate that is no regression."""
    verdict: MeasureVerdict
    """The candidate's value against the baseline's, within the tolerance."""

    def __str__(self) -> str:
        """The measure in one line."""
        values = f"{self.baseline:.4g} → {self.candidate:.4g}"
        return f"{self.name.replace('_', ' ')}: {self.verdict} ({values}, limit {self.limit:.4g})"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineComparison:
    """A run judged by an earlier one."""

    worse: bool
    """Whether a measure is worse, or a grave finding new."""
    measures: tuple[RunMeasure, ...]
    """The measures."""
    new_findings: tuple[Finding, ...]
    """Findings of the candidate that the baseline does not have, by rule and layer."""
    gone_findings: tuple[Finding, ...]
    """Findings of the baseline that the candidate does not have."""

    def __str__(self) -> str:
        """The comparison in a few lines."""
        lines = ["worse than the baseline" if self.worse else "no worse than the baseline"]
        lines += [f"  {measure}" for measure in self.measures]
        lines += [f"  new: {finding}" for finding in self.new_findings]
        return "\n".join([*lines, *(f"  gone: {finding.rule}" for finding in self.gone_findings)])


def compare_to_baseline(
    baseline: Recording,
    candidate: Recording,
    *,
    tolerance: float = 0.05,
    speed_tolerance: float = 0.5,
    fail_on: Severity = "warning",
) -> BaselineComparison:
    """Judge a run by an earlier one: its lowest and last loss, its improvement, its speed and its findings.

    Losses are smoothed: means of a twentieth of the batches, at most of 100.

    Args:
        baseline: the earlier run.
        candidate: the run to judge.
        tolerance: share by which losses may be higher; improvement may be lower by this much.
        speed_tolerance: share by which the step that reaches the baseline's floor may be later.
        fail_on: least severity of a new finding that makes the run worse.

    Raises:
        ConfigError: a tolerance is negative or NaN, or the severity unknown.
        DataError: a recording has no training losses.
    """
    for name, value in (("tolerance", tolerance), ("speed_tolerance", speed_tolerance)):
        if not value >= 0:
            raise ConfigError.expected(name, expected="0 or more", got=value)
    if fail_on not in SEVERITIES:
        raise ConfigError.expected("fail_on", expected=" or ".join(SEVERITIES), got=repr(fail_on))
    measures = _measures(_Curve.training(baseline), _Curve.training(candidate), tolerance, speed_tolerance)
    measures += _validation(baseline, candidate, tolerance)
    before, after = diagnose(baseline), diagnose(candidate)
    new = _without(after, before)
    grave = any(SEVERITIES[finding.severity] <= SEVERITIES[fail_on] for finding in new)
    return BaselineComparison(
        worse=grave or any(measure.verdict == "worse" for measure in measures),
        measures=tuple(measures),
        new_findings=new,
        gone_findings=_without(before, after),
    )


@dataclass(frozen=True, slots=True)
class _Curve:
    """Smoothed losses with their steps, counted from the first recorded one, which is 1."""

    losses: Sequence[float]
    steps: Sequence[int]

    @classmethod
    def training(cls, recording: Recording) -> _Curve:
        """Losses of the batches; of the epochs where there are none of batches."""
        curve = cls.of(recording, "batch_end") or cls.of(recording, "epoch_end")
        if curve is None:
            raise DataError.expected(
                "recording", expected="training losses", got="none", do="record a run of fit or train"
            )  # fmt: skip
        return curve

    @classmethod
    def of(cls, recording: Recording, kind: str) -> _Curve | None:
        """Losses of the events of a kind; None without any."""
        events = [e for e in recording.get_records() if isinstance(e, TrainingEvent) and e.type == kind]
        found = [(e.loss, e.step) for e in events if e.loss is not None]
        if not found:
            return None
        losses, steps = zip(*found, strict=True)
        window = min(max(len(losses) // _WINDOW_SHARE, 1), _LONGEST_WINDOW)
        return cls(_smoothed(losses, window), [step - steps[0] + 1 for step in steps[window - 1 :]])

    @property
    def floor(self) -> float:
        """The lowest loss."""
        return min(self.losses)

    @property
    def improvement(self) -> float:
        """Share of the first loss that is gone at the end; 0 for a first loss of 0."""
        first, last = self.losses[0], self.losses[-1]
        if not (math.isfinite(first) and math.isfinite(last)):
            return -math.inf
        return (first - last) / abs(first) if first else 0.0

    def first_at(self, loss: float) -> float:
        """The first step with at most this loss; infinite without one."""
        return next(
            (float(step) for value, step in zip(self.losses, self.steps, strict=True) if value <= loss), math.inf
        )


def _smoothed(losses: Sequence[float], window: int) -> list[float]:
    """Means of neighbouring losses; infinite where one is not finite."""
    parts = (losses[start : start + window] for start in range(len(losses) - window + 1))
    return [math.fsum(part) / window if all(map(math.isfinite, part)) else math.inf for part in parts]


def _measures(a: _Curve, b: _Curve, tolerance: float, speed_tolerance: float) -> list[RunMeasure]:
    scale = NEGLIGIBLE * abs(a.losses[0])
    floor = _lower("floor", a.floor, b.floor, tolerance, scale)
    reached = a.first_at(floor.limit)
    return [
        floor,
        _lower("end", a.losses[-1], b.losses[-1], tolerance, scale),
        _measure(
            "improvement", a.improvement, b.improvement, a.improvement - tolerance, a.improvement + tolerance,
            worse=lambda value, limit: value < limit,
        ),
        _lower("speed", reached, b.first_at(floor.limit), speed_tolerance, 1.0),
    ]  # fmt: skip


def _validation(baseline: Recording, candidate: Recording, tolerance: float) -> list[RunMeasure]:
    """Measures of the validation losses, where both runs have some."""
    a, b = _Curve.of(baseline, "validation"), _Curve.of(candidate, "validation")
    if a is None or b is None:
        return []
    scale = NEGLIGIBLE * abs(a.losses[0])
    return [
        _lower("validation_floor", a.floor, b.floor, tolerance, scale),
        _lower("validation_end", a.losses[-1], b.losses[-1], tolerance, scale),
    ]


def _lower(name: MeasureName, a: float, b: float, tolerance: float, least: float) -> RunMeasure:
    """A measure of which lower is better."""
    margin = max(tolerance * abs(a), least) if math.isfinite(a) else 0.0
    return _measure(name, a, b, a + margin, a - margin, worse=lambda value, limit: value > limit)


def _measure(
    name: MeasureName, a: float, b: float, limit: float, good: float, *, worse: Callable[[float, float], bool]
) -> RunMeasure:
    verdict: MeasureVerdict = "worse" if worse(b, limit) else "better" if worse(good, b) else "same"
    return RunMeasure(name=name, baseline=a, candidate=b, limit=limit, verdict=verdict)


def _without(findings: Sequence[Finding], others: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings whose rule and layer no other one has."""
    known = {(finding.rule, finding.layer) for finding in others}
    return tuple(finding for finding in findings if (finding.rule, finding.layer) not in known)
