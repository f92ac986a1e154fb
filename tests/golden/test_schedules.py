"""Every schedule against `torch.optim.lr_scheduler`: the learning rate of each of 30 steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import schedules
from loom_py.schedules import Schedule
from tests.golden.loader import Golden, load


def build(config: dict[str, Any]) -> Schedule:
    options = {k: build(v) if isinstance(v, dict) else v for k, v in config.items() if k != "type"}
    made: Schedule = getattr(schedules, config["type"])(**options)
    return made


@pytest.mark.parametrize("case", load("schedules"), ids=lambda case: case.line["name"])
def test_rates(case: Golden) -> None:
    schedule = build(case.line["schedule"])
    rates = [case.line["learning_rate"] * schedule.factor(step) for step in range(30)]
    np.testing.assert_allclose(rates, case.arrays["rates"], rtol=1e-12, atol=1e-15)


def test_every_schedule_has_goldens() -> None:
    known = {cls.__name__ for cls in Schedule.__subclasses__() if cls.__module__.startswith("loom_py.")}
    assert {case.line["schedule"]["type"] for case in load("schedules")} == known
