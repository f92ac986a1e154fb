"""The device's memory: nothing overlaps, nothing is lost, and it ends with words."""

from __future__ import annotations

import gc
from bisect import insort
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from loom_py.errors import UnavailableError
from loom_py.executors.webgpu.heap import ALIGNMENT, FIRST_BYTES, Heap, Region
from loom_py.executors.webgpu.native import NativeHost, native_host
from tests.ops import machines

pytestmark = [
    pytest.mark.cpython,
    pytest.mark.skipif(machines.webgpu() is None, reason="no Vulkan driver, not even Chromium's"),
]
MIB = 1 << 20


@pytest.fixture
def host() -> NativeHost:
    return native_host()


def apart(regions: list[Region]) -> None:
    places = sorted((r.offset, -(-r.nbytes // ALIGNMENT) * ALIGNMENT) for r in regions)
    assert all(a + n <= b for (a, n), (b, _) in pairwise(places))


def test_taken_and_given_back_in_any_order(host: NativeHost) -> None:
    heap, rng, kept = Heap(host), np.random.default_rng(0), list[Region]()
    for _ in range(300):
        if kept and rng.random() < 0.45:
            kept.pop(int(rng.integers(len(kept))))
        else:
            kept.append(heap.take(int(rng.integers(1, 40_000))))
            assert not host.read(kept[-1].offset, -(-kept[-1].nbytes // 4) * 4).any()
            host.write(kept[-1].offset, np.full(4, 7, np.uint8))
    apart(kept)
    assert heap.used == sum(-(-r.nbytes // ALIGNMENT) * ALIGNMENT for r in kept)
    kept.clear()
    assert heap.used == 0
    assert heap.take(heap.nbytes).offset == 0  # all of it is one piece again


def test_the_collector_may_give_back_in_the_middle_of_taking(host: NativeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    heap, kept = Heap(host), list[Region]()
    heap.take(FIRST_BYTES // 2)

    def collecting(*args: Any) -> None:
        gc.collect(1)  # young as the cycle is; all generations take a quarter of a second
        insort(*args)

    monkeypatch.setattr("loom_py.executors.webgpu.heap.insort", collecting)
    for n in range(50):
        kept.append(heap.take(1000 + 100 * n))
        cycle: list[Any] = [heap.take(5000)]
        cycle.append(cycle)
    del cycle
    apart(kept)
    gc.collect()
    assert heap.used == sum(-(-r.nbytes // ALIGNMENT) * ALIGNMENT for r in kept)


def test_what_only_a_cycle_holds_is_collected_before_memory_is_said_to_be_out(host: NativeHost) -> None:
    host.adapter = replace(host.adapter, most_bytes=2 * MIB)
    heap = Heap(host)
    gc.disable()
    try:
        cycle: list[Any] = [heap.take(3 * MIB // 2)]
        cycle.append(cycle)
        del cycle
        kept = heap.take(MIB)
    finally:
        gc.enable()
    with pytest.raises(UnavailableError, match="at most 2 MiB"):
        heap.take(3 * MIB // 2)
    assert heap.used == kept.nbytes == MIB


def test_a_buffer_that_can_not_double_grows_by_what_is_needed(
    host: NativeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap, resize = Heap(host), host.resize

    def refusing(nbytes: int) -> None:
        if nbytes > 5 * MIB:
            raise UnavailableError("out of memory")
        resize(nbytes)

    monkeypatch.setattr(host, "resize", refusing)
    kept = [heap.take(3 * MIB), heap.take(MIB)]
    assert heap.nbytes == 4 * MIB
    with pytest.raises(UnavailableError, match="out of memory"):
        heap.take(3 * MIB)
    apart([*kept, heap.take(MIB)])


def test_a_driver_that_has_no_memory_left_says_so(host: NativeHost) -> None:
    """Drivers promise buffers that they may not have; wgpu tells of it among the errors of wrong use."""
    heap = Heap(host)
    first = heap.take(100)
    try:
        heap.take(host.adapter.most_bytes - MIB)
    except UnavailableError as error:
        assert "memory" in str(error)
    apart([first, heap.take(100)])
