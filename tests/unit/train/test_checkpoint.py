"""A run that is stopped, saved, loaded and resumed gives the losses and the weights of one that was never stopped."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loom_py import (
    GRU,
    Adam,
    BatchNorm,
    Cosine,
    Dense,
    Dropout,
    EarlyStopping,
    FileFormatError,
    Network,
    ParameterGroup,
    StateError,
    Trainer,
    TrainingConfig,
    TrainingResult,
)
from loom_py.store import TensorFile, pack_tensors, read_source
from loom_py.train.checkpoint import pack_progress, read_progress
from loom_py.train.progress import EpochSums, Progress

RNG = np.random.default_rng(31)
X, Y = RNG.standard_normal((30, 4, 3)).astype(np.float32), RNG.integers(0, 3, 30)
HELD = (RNG.standard_normal((9, 4, 3)).astype(np.float32), RNG.integers(0, 3, 9))

CONFIGS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "momentum": {"optimizer": "rmsprop", "gradient_clip": 0.5},
    "adam": {
        "optimizer": Adam(weight_decay=0.01),
        "schedule": Cosine(14),
        "groups": (ParameterGroup(names=("0.*",), rate=0.5),),
        "micro_batch_size": 4,
        "validation": HELD,
    },
    "stopping": {"learning_rate": 1.5, "validation": HELD, "early_stopping": EarlyStopping(patience=2)},
}


def config(name: str) -> TrainingConfig:
    return TrainingConfig(**{"epochs": 4, "batch_size": 8, "learning_rate": 0.05, **CONFIGS[name]})


def model() -> Network:
    layers = [GRU(3, 6, carry=8, return_sequences=False), Dropout(0.3), BatchNorm(6), Dense(6, 3)]
    return Network.of((4, 3), layers, seed=9)


def finish(trainer: Trainer, losses: list[float]) -> TrainingResult:
    for event in trainer.run():
        if event.type == "batch_end":
            assert event.loss is not None
            losses.append(event.loss)
    return trainer.result


def facts(result: TrainingResult) -> dict[str, Any]:
    timed = ("total_time_s", "samples_per_second")
    told = {name: getattr(result, name) for name in TrainingResult.__slots__ if name not in timed}
    return {name: repr(value) for name, value in told.items()}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("stop_at", [0, 3, 4, 7, 11])
def test_resumed_runs_go_on_as_if_never_stopped(name: str, stop_at: int, tmp_path: Path) -> None:
    whole, expected = model(), list[float]()
    result = finish(whole.fit_trainer(X, Y, config(name)), expected)

    net, losses, path = model(), list[float](), tmp_path / "run.safetensors"
    trainer = net.fit_trainer(X, Y, config(name))
    for event in trainer.run():
        if len(losses) == stop_at:
            break
        if event.type == "batch_end":
            losses.append(event.loss or 0)
    net.save_checkpoint(path, trainer)

    again = Network.load_model(path)
    resumed = again.fit_trainer(X, Y, config(name))
    again.load_checkpoint(path, resumed)
    finish(resumed, losses)
    assert losses == expected
    assert facts(resumed.result) == facts(result)
    assert all((again.parameters()[key] == value).all() for key, value in whole.parameters().items())
    assert (again.engine.steps, again.engine.updates) == (whole.engine.steps, whole.engine.updates)


EVENTS = ("train_start", "epoch_start", "batch_start", "batch_end", "validation", "epoch_end", "train_end")


@pytest.mark.parametrize("kind", EVENTS)
def test_a_checkpoint_may_be_taken_at_any_event(kind: str, tmp_path: Path) -> None:
    path, told = tmp_path / "run", dict.fromkeys(EVENTS, 0)
    net = model()
    trainer = net.fit_trainer(X, Y, config("adam"))
    for event in trainer.run():
        told[event.type] += 1
        if event.type == kind and told[kind] in (1, 3):
            net.save_checkpoint(path, trainer)
    again = Network.load_model(path)
    resumed = again.fit_trainer(X, Y, config("adam"))
    again.load_checkpoint(path.read_bytes(), resumed)
    finish(resumed, [])
    assert facts(resumed.result) == facts(trainer.result)
    assert all((again.parameters()[key] == value).all() for key, value in net.parameters().items())


def test_a_finished_run_stays_finished(tmp_path: Path) -> None:
    net = model()
    trainer = net.fit_trainer(X, Y, config("stopping"))
    finish(trainer, [])
    assert trainer.result.stopped_because == "early_stopping"
    net.save_checkpoint(tmp_path / "run", trainer)
    again = Network.load_model(tmp_path / "run")
    resumed = again.fit_trainer(X, Y, config("stopping"))
    again.load_checkpoint(tmp_path / "run", resumed)
    more: list[float] = []
    assert finish(resumed, more).stopped_because == "early_stopping" and not more


def test_time_goes_on(tmp_path: Path) -> None:
    net = model()
    trainer = net.fit_trainer(X, Y, config("sgd"))
    finish(trainer, [])
    net.save_checkpoint(tmp_path / "run", trainer)
    resumed = net.fit_trainer(X, Y, config("sgd"))
    net.load_checkpoint(tmp_path / "run", resumed)
    before = trainer.result.total_time_s
    assert finish(resumed, []).total_time_s > before > 0


# refusals ----------------------------------------------------------------------------------------------------------


def checkpoint(tmp_path: Path) -> tuple[Network, Path]:
    net, path = model(), tmp_path / "run"
    trainer = net.fit_trainer(X, Y, config("stopping"))
    finish(trainer, [])
    net.save_checkpoint(path, trainer)
    return net, path


def test_other_runs_are_refused_and_change_nothing(tmp_path: Path) -> None:
    net, path = checkpoint(tmp_path)
    fresh = model()
    before = fresh.parameters()
    with pytest.raises(StateError, match="'batches': 4"):
        fresh.load_checkpoint(path, fresh.fit_trainer(X[:9], Y[:9], config("stopping")))
    with pytest.raises(StateError, match="'optimizer': 'adam'"):
        fresh.load_checkpoint(path, fresh.fit_trainer(X, Y, config("adam")))
    with pytest.raises(StateError, match="run of this network"):
        fresh.load_checkpoint(path, net.fit_trainer(X, Y, config("stopping")))
    with pytest.raises(StateError, match="run of this network"):
        fresh.save_checkpoint(path, net.fit_trainer(X, Y, config("stopping")))
    other = Network.of((4, 3), [GRU(3, 3, return_sequences=False)], seed=9)
    with pytest.raises(StateError, match="another config"):
        other.load_checkpoint(path, other.fit_trainer(X, Y, config("stopping")))
    with pytest.raises(StateError, match="without a training run"):
        fresh.load_checkpoint(net.model_bytes(), fresh.fit_trainer(X, Y, config("stopping")))
    assert all((fresh.parameters()[key] == value).all() for key, value in before.items())


SPOILT: dict[str, Any] = {
    "no progress": lambda run: run.pop("progress"),
    "progress a list": lambda run: run.update(progress=[]),
    "odd key": lambda run: run["progress"].update(code="x"),
    "negative epoch": lambda run: run["progress"].update(epoch=-1),
    "truth for a number": lambda run: run["progress"].update(position=True),
    "odd reason": lambda run: run["progress"].update(stopped="tired"),
    "odd sums": lambda run: run["progress"]["sums"].update(loss="a"),
    "odd best": lambda run: run["progress"].update(best=None),
    "no result": lambda run: run.update(result=None),
    "odd history": lambda run: run["result"].update(loss_history=["a"]),
    "history a text": lambda run: run["result"].update(accuracy_history="abc"),
    "odd end": lambda run: run["result"].update(stopped_because="tired"),
    "odd steps": lambda run: run.update(steps=1.5),
    "huge steps": lambda run: run.update(steps=10**400),
    "position behind the epoch": lambda run: run["progress"].update(position=10**9),
    "time backwards": lambda run: run["progress"].update(elapsed_s=-1.0),
    "huge loss": lambda run: run["progress"]["sums"].update(loss=10**400),
    "huge number in a history": lambda run: run["result"].update(loss_history=[10**400]),
    "no updates": lambda run: run.update(updates=None),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_checkpoints_are_refused_and_change_nothing(name: str, tmp_path: Path) -> None:
    _, path = checkpoint(tmp_path)
    file = TensorFile(read_source(path))
    index = json.loads(file.metadata["loom_py"])
    SPOILT[name](index["models"]["model"]["run"])
    data = pack_tensors({n: file.array(n) for n in file.entries}, {"format": "loom_py", "loom_py": json.dumps(index)})
    fresh = model()
    before = fresh.parameters()
    with pytest.raises(FileFormatError, match="checkpoint"):
        fresh.load_checkpoint(data, fresh.fit_trainer(X, Y, config("stopping")))
    assert all((fresh.parameters()[key] == value).all() for key, value in before.items())


def spoilt_array(path: Path, name: str, value: float) -> bytes:
    file = TensorFile(read_source(path))
    arrays = {n: file.array(n) for n in file.entries}
    arrays[name].flat[0] = value
    return pack_tensors(arrays, file.metadata)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize("kind", ["adam", "momentum"])
def test_states_that_no_optimizer_has_are_refused(kind: str, value: float, tmp_path: Path) -> None:
    net, path = model(), tmp_path / "run"
    trainer = net.fit_trainer(X, Y, config(kind))
    finish(trainer, [])
    net.save_checkpoint(path, trainer)
    square = {"adam": "v", "momentum": "square"}[kind]
    data = spoilt_array(path, f"model/optimizer/{square}/3.bias", value)
    before = net.engine.optimizer_state()
    with pytest.raises(FileFormatError, match=f"{square}/3.bias"):
        net.load_checkpoint(data, net.fit_trainer(X, Y, config(kind)))
    assert all((net.engine.optimizer_state()[key] == array).all() for key, array in before.items())


def test_numbers_that_are_not_finite_come_back() -> None:
    sums, result = EpochSums(1.0, math.nan), TrainingResult(final_loss=math.inf, loss_history=[1.0, -math.inf])
    progress = Progress(sums=sums)
    stored = json.loads(json.dumps(pack_progress(progress, result), allow_nan=False))
    assert repr(read_progress(stored)) == repr((progress, result))


def test_a_state_of_another_optimizer_is_refused(tmp_path: Path) -> None:
    net, path = model(), tmp_path / "run"
    trainer = net.fit_trainer(X, Y, config("momentum"))
    finish(trainer, [])
    net.save_checkpoint(path, trainer)
    file = TensorFile(read_source(path))
    kept = {n: file.array(n) for n in file.entries if not n.endswith("square/3.bias")}
    with pytest.raises(StateError, match="optimizer state: expected that of rmsprop"):
        net.load_checkpoint(pack_tensors(kept, file.metadata), net.fit_trainer(X, Y, config("momentum")))
