"""Every layer against PyTorch: outputs, input gradients, parameter gradients, renewed buffers."""

from __future__ import annotations

import numpy as np
import pytest

from loom_py.layers import REGISTRY
from tests.golden import ours, pending
from tests.golden.loader import Arrays, Golden, layer_cases, layer_types, relative_errors
from tests.ops import machines

GPU = 2e-5  # exp, division and square root are only nearly exact in WGSL
FLOAT64 = 1e-11  # the same formula in the same precision: only the order of additions differs
CASES = [pending.parameter(case) for case in layer_cases()]


def check(case: Golden, got: Arrays, tolerance: float) -> None:
    errors = relative_errors(got, case.answers)
    wrong = {key: f"{error:.1e}" for key, error in errors.items() if not error <= tolerance}
    assert not wrong, f"{case.id}: expected relative errors of at most {tolerance:g}, got {wrong}"


def needs(case: Golden) -> None:
    if case.subject in pending.LAYERS:
        pytest.skip(f"{case.subject} is not built yet")


@pytest.mark.parametrize("case", CASES)
def test_formula_in_float64(case: Golden) -> None:
    needs(case)
    check(case, ours.eager(case, np.float64), FLOAT64)


@pytest.mark.parametrize("case", CASES)
def test_network_in_float32(case: Golden) -> None:
    needs(case)
    check(case, ours.executed(case), case.line["tolerance"])


@pytest.mark.cpython
@pytest.mark.skipif(machines.webgpu() is None, reason="no Vulkan driver, not even Chromium's")
@pytest.mark.parametrize("case", CASES)
def test_network_on_the_gpu(case: Golden) -> None:
    needs(case)
    check(case, ours.executed(case, "webgpu"), max(case.line["tolerance"], GPU))


def test_pending_layers_are_those_not_registered() -> None:
    assert set(layer_types()) - set(REGISTRY) == pending.LAYERS


def test_every_layer_of_the_package_has_goldens() -> None:
    own = {name for name, layer in REGISTRY.items() if layer.__module__.startswith("loom_py.")}
    assert own - set(layer_types()) == set()


def test_batch_of_one_is_among_the_cases_of_every_layer() -> None:
    ones = {case.subject for case in layer_cases() if case.arrays["input"].shape[0] == 1}
    assert set(layer_types()) - ones == {"Dropout", "Identity"}


def test_wider_tolerances_say_why() -> None:
    assert [c.id for c in layer_cases() if c.line["tolerance"] > 1e-5 and not c.line["reason"]] == []
