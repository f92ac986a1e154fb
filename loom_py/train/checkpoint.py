"""Checkpoints: the state of a training run as plain data and arrays, for an exact continuation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from loom_py.engine.engine import Engine
from loom_py.engine.layout import checked
from loom_py.engine.update import StepOptions
from loom_py.errors import DataError, FileFormatError, StateError
from loom_py.shapes import Array
from loom_py.strict_json import decode_amount, decode_count, decode_float, encode_float
from loom_py.train.config import StopReason, TrainingResult
from loom_py.train.progress import Best, EpochSums, Progress


@dataclass(frozen=True)
class Snapshot:
    """State of a training run as plain data and arrays by name."""

    facts: dict[str, Any]
    arrays: dict[str, Array]


def take(
    engine: Engine, options: StepOptions, per_epoch: int | None, progress: Progress, result: TrainingResult
) -> Snapshot:
    """The state of a run; together with the network's parameters, enough for another run to continue from here."""
    facts = pack_progress(progress, result)
    facts |= {"steps": engine.steps, "updates": engine.updates, "batches": per_epoch}
    facts["optimizer"] = options.optimizer.name
    arrays = {f"best/{name}": value for name, value in progress.best.parameters.items()}
    if engine.optimizer == options.optimizer:
        arrays |= {f"optimizer/{name}": value for name, value in engine.optimizer_state().items()}
    return Snapshot(facts, arrays)


def restore(
    snapshot: Snapshot, engine: Engine, options: StepOptions, per_epoch: int | None
) -> tuple[Progress, TrainingResult]:
    """Restore an engine's optimizer state and counts from a snapshot; returns progress and result.

    Raises:
        FileFormatError: the snapshot is damaged. StateError: it belongs to another run. Nothing is changed then.
    """
    facts = snapshot.facts
    progress, result = read_progress(facts)
    mine = {"batches": per_epoch, "optimizer": options.optimizer.name}
    theirs = {key: facts.get(key) for key in mine}
    if mine != theirs:
        raise StateError.expected("checkpoint", expected=f"one of a run with {mine}", got=theirs)
    steps, updates = (decode_count(facts.get(key), f"checkpoint {key}") for key in ("steps", "updates"))
    if per_epoch is not None and progress.position > per_epoch:
        raise FileFormatError.expected("checkpoint position", expected=f"at most {per_epoch}", got=progress.position)
    parts = {
        kind: {n.removeprefix(f"{kind}/"): v for n, v in snapshot.arrays.items() if n.startswith(f"{kind}/")}
        for kind in ("best", "optimizer")
    }
    try:
        progress.best.parameters = checked(engine.layout, parts["best"])
        engine.set_optimizer_state(options, parts["optimizer"])
    except DataError as error:
        raise FileFormatError(f"checkpoint: {error}") from None
    engine.steps, engine.updates = steps, updates
    return progress, result


def pack_progress(progress: Progress, result: TrainingResult) -> dict[str, Any]:
    """Progress and result as plain data; NaN and infinity become texts, as in `strict_json`."""
    found = {"progress": asdict(progress), "result": asdict(result)}
    del found["progress"]["best"]["parameters"]
    return dict(_plain(found))


def read_progress(facts: Mapping[str, Any]) -> tuple[Progress, TrainingResult]:
    """Progress and result from the data of `pack_progress`, each value checked; raises FileFormatError."""
    values = _fields_of(facts.get("progress"), "progress", Progress)
    sums, best = (
        _fields_of(values["sums"], "progress.sums", EpochSums),
        _fields_of(values["best"], "progress.best", Best),
    )
    stopped = values["stopped"]
    if stopped is not None and stopped not in get_args(StopReason):
        raise FileFormatError.expected("checkpoint progress.stopped", expected=StopReason, got=repr(stopped))
    progress = Progress(
        epoch=_whole(values, "epoch"),
        position=_whole(values, "position"),
        samples=_whole(values, "samples"),
        elapsed_s=_amount(values, "elapsed_s"),
        stopped=stopped,
        sums=EpochSums(
            _amount(sums, "weight"), _number(sums, "loss", math.nan), _whole(sums, "correct"), _whole(sums, "answers")
        ),
        best=Best(_number(best, "loss", math.inf), _whole(best, "waited")),
    )
    return progress, _read_result(facts.get("result"))


def _read_result(given: Any) -> TrainingResult:
    values = _fields_of(given, "result", TrainingResult)
    if values["stopped_because"] not in get_args(StopReason):
        raise FileFormatError.expected("checkpoint result.stopped_because", expected=StopReason, got="something else")
    return TrainingResult(
        final_loss=_number(values, "final_loss", math.nan),
        best_loss=_number(values, "best_loss", math.nan),
        loss_history=_history(values, "loss_history", math.nan),
        validation_history=_history(values, "validation_history", math.nan),
        accuracy_history=_history(values, "accuracy_history", None),
        validation_accuracy_history=_history(values, "validation_accuracy_history", None),
        total_time_s=_amount(values, "total_time_s"),
        samples_per_second=_amount(values, "samples_per_second"),
        epochs_run=_whole(values, "epochs_run"),
        steps=_whole(values, "steps"),
        stopped_because=values["stopped_because"],
    )


def _fields_of(given: Any, what: str, cls: type) -> dict[str, Any]:
    """The dict if it has exactly the fields of a dataclass (arrays left out)."""
    wanted = {f.name for f in fields(cls)} - {"parameters"}
    if not isinstance(given, dict) or set(given) != wanted:
        got = sorted(map(str, given)) if isinstance(given, dict) else type(given).__name__
        raise FileFormatError.expected(f"checkpoint {what}", expected=f"a dict of {sorted(wanted)}", got=got)
    return given


def _whole(values: Mapping[str, Any], key: str) -> int:
    return decode_count(values[key], f"checkpoint {key}")


def _amount(values: Mapping[str, Any], key: str) -> float:
    return decode_amount(values[key], f"checkpoint {key}")


def _number(values: Mapping[str, Any], key: str, missing: float) -> float:
    """A float; `missing` for null, as earlier releases wrote what is not finite."""
    return missing if values[key] is None else decode_float(values[key], f"checkpoint {key}")


def _history(values: Mapping[str, Any], key: str, missing: Any) -> list[Any]:
    found = values[key]
    if not isinstance(found, list):
        raise FileFormatError.expected(f"checkpoint {key}", expected="a list of numbers", got="something else")
    return [missing if value is None else decode_float(value, f"checkpoint {key}") for value in found]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return encode_float(value) if isinstance(value, float) else value
