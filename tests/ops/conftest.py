"""Fixtures of the op suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loom_py.executors.webgpu.lower.grain import CARD, PLAYED
from tests.ops import machines


@pytest.fixture(scope="module", params=[CARD, PLAYED], ids=["card", "played"])
def each_grain(request: pytest.FixtureRequest) -> Iterator[None]:
    """Reductions are shared out as on a graphics card, and as on a processor that plays one."""
    found = machines.webgpu()
    assert found is not None
    executor, before = found[1], found[1].grain
    executor.grain = request.param
    yield
    executor.grain = before
