"""Fixtures of the op suite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from loom_py.executors.webgpu.lower.device_profile import DISCRETE_GPU, SOFTWARE_GPU
from tests.ops import machines


@pytest.fixture(
    scope="module",
    params=[(DISCRETE_GPU, False), (SOFTWARE_GPU, False), (DISCRETE_GPU, True)],
    ids=["discrete", "software", "subgroups"],
)
def each_profile(request: pytest.FixtureRequest) -> Iterator[None]:
    """Reductions with the profile of a discrete GPU (without and with subgroups) and of a software renderer."""
    found = machines.webgpu()
    assert found is not None
    executor, before = found[1], (found[1].profile, found[1].subgroups)
    executor.profile, executor.subgroups = request.param
    if executor.subgroups and not machines.has_subgroups():
        pytest.skip("the driver has no subgroups")
    yield
    executor.profile, executor.subgroups = before
