"""Workgroup reductions: by the tree and by subgroups, and which of them an executor uses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loom_py import ops
from loom_py.executors.webgpu import WebGPUExecutor
from loom_py.executors.webgpu import plan as plans
from loom_py.executors.webgpu.native import NativeHost, native_host
from loom_py.executors.webgpu.plan import ENABLE, Kernel
from loom_py.executors.webgpu.subgroups import SUBGROUPS, reduction_works, subgroups_work
from loom_py.program import Recorder
from tests.ops import machines

pytestmark = pytest.mark.skipif(machines.webgpu() is None, reason="no driver of a GPU")
with_subgroups = pytest.mark.skipif(not machines.has_subgroups(), reason="the driver has no subgroups")


def executor_with(**facts: object) -> WebGPUExecutor:
    """An executor on a device of its own, with other facts about it."""
    host: NativeHost = native_host()
    host.adapter = replace(host.adapter, **facts)  # type: ignore[arg-type]
    return WebGPUExecutor(host)


def test_every_lane_gets_its_groups_result() -> None:
    executor = executor_with()
    assert reduction_works(executor.host, executor.heap, subgroups=False)


@with_subgroups
def test_every_lane_gets_its_groups_result_by_subgroups() -> None:
    executor = executor_with()
    assert reduction_works(executor.host, executor.heap, subgroups=True)


@with_subgroups
@pytest.mark.parametrize(
    ("written", "instead"),
    [("place.size", "256u"), ("subgroupShuffleXor(s, far)", "subgroupShuffleXor(s, far ^ 3u)"), (ENABLE, "enable x; ")],
    ids=["the size is told wrong", "lanes lie in another order", "the compiler refuses"],
)  # fmt: skip
def test_a_device_that_breaks_its_promise_is_found_out(
    monkeypatch: pytest.MonkeyPatch, written: str, instead: str
) -> None:
    source = plans.source("workgroup_reduce_check", True)
    assert written in source
    monkeypatch.setattr(plans, "source", lambda *_: source.replace(written, instead))
    executor = executor_with()
    assert not subgroups_work(executor.host, executor.heap)
    assert not executor.subgroups


@with_subgroups
def test_kernels_use_subgroups_where_the_device_has_them() -> None:
    for features, wanted in (({SUBGROUPS}, True), (set(), False)):
        executor = executor_with(features=frozenset(features))
        recorder = Recorder()
        x = recorder.input("x", (3, 700))
        recorder.output("y", ops.sum(x, axes=1))
        loaded = executor.load(recorder.finish(), executor.allocate({}))
        kernels: tuple[Kernel, ...] = loaded._built.plan.kernels
        assert [("subgroupShuffleXor" in k.source, k.source.startswith(ENABLE)) for k in kernels] == [(wanted, wanted)]
        values = np.arange(2100, dtype=np.float32).reshape(3, 700)
        loaded.write("x", values)
        loaded.run()
        np.testing.assert_array_equal(loaded.read("y"), values.sum(1))


def test_kernels_without_reductions_are_the_same_everywhere() -> None:
    assert plans.source("binary", True) == plans.source("binary", False)
    assert not plans.source("matmul", True).startswith(ENABLE)
