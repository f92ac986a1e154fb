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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the three editions of reductions one runs in full, of each test in the others every third case and the last.

    With subgroups only the exchange between lanes differs, which a test of its own proves for every size of group; on a
    software renderer only the sharing out of the work. Neither depends on the numbers that most cases are about.
    """
    cases: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        edition = getattr(item, "callspec", None) and item.callspec.params.get("each_profile")
        if edition and edition != (DISCRETE_GPU, False):
            cases[item.nodeid.partition("[")[0], str(edition)].append(item)
    left_out = {item for group in cases.values() for n, item in enumerate(group[:-1]) if n % 3}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
