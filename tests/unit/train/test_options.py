"""Optimizers, losses, schedules and early stopping as plain data: the same run, the same refusals."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from loom_py import (
    SGD,
    Adam,
    AdamW,
    ConfigError,
    Constant,
    Cosine,
    CrossEntropy,
    Dense,
    EarlyStopping,
    Huber,
    Network,
    ParameterGroup,
    TrainingConfig,
    WarmUp,
)
from loom_py.config.options import Options
from loom_py.losses import Loss
from loom_py.optimizers import Optimizer
from loom_py.schedules import Schedule

FAMILIES = (Optimizer, Loss, Schedule, EarlyStopping, ParameterGroup)
ONES: dict[str, dict[str, Any]] = {
    "Linear": {"steps": 3},
    "Cosine": {"steps": 3},
    "Exponential": {"decay": 0.5},
    "Step": {"every": 3},
    "Polynomial": {"steps": 3},
    "WarmUp": {"steps": 3, "inner": {"type": "Cosine", "steps": 5}},
}
KINDS = [(family, name) for family in FAMILIES for name in family.kinds]


@pytest.mark.parametrize(("family", "name"), KINDS)
def test_every_kind_goes_to_plain_data_and_back(family: type[Options], name: str) -> None:
    made = family.from_config({"type": name, **ONES.get(name, {})})
    assert type(made) is family.kinds[name]
    config = made.to_config()
    assert config.keys() == {"type", *(field.name for field in dataclasses.fields(made))}  # type: ignore[arg-type]
    assert family.from_config(config) == made
    assert hash(family.from_config(config)) == hash(made)


def test_a_run_from_plain_data_is_the_run_from_objects() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3)), rng.integers(0, 2, 64)
    objects = TrainingConfig(
        epochs=3,
        loss=CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0)),
        optimizer=SGD(momentum=0.9, nesterov=True),
        schedule=WarmUp(2, Cosine(10), start=0.5),
        early_stopping=EarlyStopping(patience=2),
        groups=(ParameterGroup(axes="vectors", rate=0.5),),
    )
    plain = TrainingConfig(
        epochs=3,
        loss={"type": "CrossEntropy", "label_smoothing": 0.1, "class_weights": [1, 2]},
        optimizer={"type": "SGD", "momentum": 0.9, "nesterov": True},
        schedule={"type": "WarmUp", "steps": 2, "inner": {"type": "Cosine", "steps": 10}, "start": 0.5},
        early_stopping={"patience": 2},
        groups=[{"axes": "vectors", "rate": 0.5}],
    )
    assert plain == objects
    results = [
        Network.of(3, [Dense(3, 2)], seed=1).fit(x, y, config).loss_history
        for config in (objects, plain, TrainingConfig(epochs=3))
    ]
    assert results[0] == results[1] != results[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": {"type": "Adm"}}, r'"type" of Optimizer: expected Adam or .* got \'Adm\''),
        ({"optimizer": {"momentum": 0.9}}, r'"type" of Optimizer: expected .* got None'),
        ({"optimizer": {"type": ["SGD"]}}, r'"type" of Optimizer'),
        ({"optimizer": {"type": "Huber"}}, r'"type" of Optimizer'),
        ({"optimizer": {"type": "SGD", "momentun": 0.9}}, "SGD: expected keys momentum, .* got momentun"),
        ({"optimizer": {"type": "SGD", "momentum": 1.5}}, "SGD.momentum: expected a number 0 to below 1, got 1.5"),
        ({"optimizer": {"type": "SGD", "momentum": None}}, "SGD.momentum"),
        ({"optimizer": 3}, "TrainingConfig.optimizer: expected a Optimizer or 'sgd' .* or a dict, got 3"),
        ({"loss": {"type": "Huber", "delta": 0}}, "Huber.delta"),
        ({"schedule": {"type": "Cosine"}}, "Cosine: .*steps"),
        ({"schedule": "cosine"}, "TrainingConfig.schedule: expected a Schedule"),
        ({"schedule": {"type": "WarmUp", "steps": 1, "inner": {"type": "Cosin"}}}, '"type" of Schedule'),
        ({"schedule": {"type": "WarmUp", "steps": 1, "inner": 3}}, "WarmUp.inner"),
        ({"early_stopping": {"patients": 3}}, "EarlyStopping: expected keys patience"),
        ({"groups": [{"rate": -1}]}, "ParameterGroup.rate"),
    ],
)
def test_what_can_not_be_is_refused_in_words(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**options)


def test_a_class_takes_its_own_kind_and_those_derived_from_it() -> None:
    assert Adam.from_config({"beta1": 0.8}) == Adam(beta1=0.8)
    assert Adam.from_config({"type": "AdamW"}) == AdamW()
    with pytest.raises(ConfigError, match="\"type\" of AdamW: expected AdamW, got 'Adam'"):
        AdamW.from_config({"type": "Adam"})


def test_a_class_outside_the_families_is_no_kind() -> None:
    @dataclass(frozen=True)
    class Mine(Constant):
        pass

    with pytest.raises(ConfigError, match="got 'Mine'"):
        Schedule.from_config({"type": "Mine"})


def test_whole_numbers_are_floats_where_floats_are_meant() -> None:
    huber = Huber.from_config({"delta": 2})
    assert type(huber.delta) is float
