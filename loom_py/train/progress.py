"""How far a training run has come: what has to be kept to go on as if it had never stopped."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar, get_args

from loom_py.engine.engine import StepResult
from loom_py.errors import FileFormatError
from loom_py.shapes import Array
from loom_py.train.config import StopReason, TrainingResult

T = TypeVar("T")


@dataclass(slots=True)
class EpochSums:
    """Sums over an epoch so far."""

    weight: float = 0.0
    loss: float = 0.0
    correct: int = 0
    answers: int = 0

    def add(self, weight: float, answers: int, result: StepResult) -> None:
        """Count one step."""
        self.weight += weight
        self.loss += result.loss * weight
        if result.correct is not None:
            self.answers += answers
            self.correct += result.correct

    @property
    def mean(self) -> float:
        """Mean loss; NaN before the first step."""
        return self.loss / self.weight if self.weight else math.nan

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, None where there are no classes."""
        return self.correct / self.answers if self.answers else None


@dataclass(slots=True)
class Best:
    """The best epoch so far, and how many epochs ago it was."""

    loss: float = math.inf
    waited: int = 0
    parameters: dict[str, Array] = field(default_factory=dict)


@dataclass(slots=True)
class Progress:
    """Where a run stands.

    Attributes:
        epoch: the epoch under way, or the next.
        position: batches of it that are done.
        samples: samples worked through in all.
        elapsed_s: seconds spent in all, as of the last event.
        stopped: why it came to its end, None while it goes on.
    """

    epoch: int = 0
    position: int = 0
    samples: int = 0
    elapsed_s: float = 0.0
    stopped: StopReason | None = None
    sums: EpochSums = field(default_factory=EpochSums)
    best: Best = field(default_factory=Best)


@dataclass(frozen=True)
class Snapshot:
    """A run as plain data and arrays by name."""

    facts: dict[str, Any]
    arrays: dict[str, Array]


def plain_progress(progress: Progress, result: TrainingResult) -> dict[str, Any]:
    """Progress and result as JSON can say them: NaN and infinity become None."""
    found = {"progress": asdict(progress), "result": asdict(result)}
    del found["progress"]["best"]["parameters"]
    return dict(_finite(found))


def read_progress(facts: Mapping[str, Any]) -> tuple[Progress, TrainingResult]:
    """What `plain_progress` wrote, each value checked; raises FileFormatError."""
    told = _told(facts.get("progress"), "progress", Progress)
    sums, best = _told(told["sums"], "progress.sums", EpochSums), _told(told["best"], "progress.best", Best)
    stopped = told["stopped"]
    if stopped is not None and stopped not in get_args(StopReason):
        raise FileFormatError.expected("checkpoint progress.stopped", expected=StopReason, got=repr(stopped))
    progress = Progress(
        epoch=_whole(told, "epoch"),
        position=_whole(told, "position"),
        samples=_whole(told, "samples"),
        elapsed_s=_number(told, "elapsed_s"),
        stopped=stopped,
        sums=EpochSums(
            _number(sums, "weight"), _number(sums, "loss"), _whole(sums, "correct"), _whole(sums, "answers")
        ),
        best=Best(_number(best, "loss", math.inf), _whole(best, "waited")),
    )
    return progress, _read_result(facts.get("result"))


def _read_result(given: Any) -> TrainingResult:
    told = _told(given, "result", TrainingResult)
    if told["stopped_because"] not in get_args(StopReason):
        raise FileFormatError.expected("checkpoint result.stopped_because", expected=StopReason, got="something else")
    return TrainingResult(
        final_loss=_number(told, "final_loss", math.nan),
        best_loss=_number(told, "best_loss", math.nan),
        loss_history=[math.nan if v is None else v for v in _history(told, "loss_history")],
        validation_history=[math.nan if v is None else v for v in _history(told, "validation_history")],
        accuracy_history=_history(told, "accuracy_history"),
        validation_accuracy_history=_history(told, "validation_accuracy_history"),
        total_time_s=_number(told, "total_time_s"),
        samples_per_second=_number(told, "samples_per_second"),
        epochs_run=_whole(told, "epochs_run"),
        steps=_whole(told, "steps"),
        stopped_because=told["stopped_because"],
    )


def _told(given: Any, what: str, cls: type) -> dict[str, Any]:
    """A dict with the fields of a data class (arrays left out), nothing more and nothing less."""
    wanted = {f.name for f in fields(cls)} - {"parameters"}
    if not isinstance(given, dict) or set(given) != wanted:
        got = sorted(map(str, given)) if isinstance(given, dict) else type(given).__name__
        raise FileFormatError.expected(f"checkpoint {what}", expected=f"a dict of {sorted(wanted)}", got=got)
    return given


def _whole(told: Mapping[str, Any], key: str) -> int:
    value = told[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FileFormatError.expected(f"checkpoint {key}", expected="a whole number from 0", got=repr(value))
    return value


def _number(told: Mapping[str, Any], key: str, missing: float | None = None) -> float:
    value = missing if told[key] is None else told[key]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise FileFormatError.expected(f"checkpoint {key}", expected="a number", got=repr(value))
    return float(value)


def _history(told: Mapping[str, Any], key: str) -> list[Any]:
    values = told[key]
    if not isinstance(values, list) or not all(v is None or type(v) in (int, float) for v in values):
        raise FileFormatError.expected(f"checkpoint {key}", expected="a list of numbers", got="something else")
    return list(values)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
