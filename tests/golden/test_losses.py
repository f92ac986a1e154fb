"""Every loss against PyTorch: value and gradient."""

from __future__ import annotations

import numpy as np
import pytest

from loom_py.losses import LOSSES, loss_and_gradient
from tests.golden.loader import Arrays, Golden, load, relative_errors


def ours(case: Golden, dtype: type) -> Arrays:
    name = case.line["loss"].removesuffix("_probabilities")
    gives = "values" if name == case.line["loss"] else "probabilities"
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in case.line["options"].items()}
    loss, gradient = loss_and_gradient(
        LOSSES[name](**options), case.arrays["output"].astype(dtype), case.arrays["target"], gives
    )
    assert gradient.dtype == dtype
    return {"value": np.asarray(loss), "gradient": gradient}


@pytest.mark.parametrize("case", load("losses"), ids=lambda case: case.line["name"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-11), (np.float32, 1e-6)])
def test_value_and_gradient(case: Golden, dtype: type, tolerance: float) -> None:
    wanted = {key: case.arrays[key] for key in ("value", "gradient")}
    errors = relative_errors(ours(case, dtype), wanted)
    assert max(errors.values()) <= tolerance, errors


def test_every_loss_has_goldens() -> None:
    assert {case.line["loss"].removesuffix("_probabilities") for case in load("losses")} == set(LOSSES)
