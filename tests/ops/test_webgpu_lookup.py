"""Rows by ids, rotary positions and recurrent steps on the GPU: large counts, any width, the same sum on every run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import ops
from loom_py.ops import VERBS
from loom_py.program import Recorder
from loom_py.shapes import AnyArray
from tests.ops import machines, suite
from tests.ops.guards import guarded
from tests.ops.test_webgpu_elementwise import exactly, in_place

GPU = machines.webgpu()
pytestmark = pytest.mark.skipif(GPU is None, reason="no driver of a GPU")


def draw(*shape: int, scale: float = 1.0) -> AnyArray:
    return np.float32(np.random.default_rng(shape).normal(size=shape) * scale)


def run(name: str, *arrays: AnyArray, **attrs: Any) -> tuple[AnyArray, ...]:
    assert GPU
    return guarded(GPU[1], VERBS[name], list(arrays), **attrs)


def agree(name: str, *arrays: AnyArray, **attrs: Any) -> None:
    found: Any = exactly(VERBS[name], *arrays, **attrs)
    for got, wanted in zip(run(name, *arrays, **attrs), found if isinstance(found, tuple) else (found,), strict=True):
        assert suite.distance(got, wanted) <= 5e-6


@pytest.mark.parametrize(("rows", "width", "count"), [(1, 1, 1), (7, 3, 300), (50_000, 5, 33), (300, 257, 260)])
def test_rows_are_gathered(rows: int, width: int, count: int) -> None:
    ids = np.random.default_rng(count).integers(0, rows, (count,))
    table = draw(rows, width)
    for dtype in (np.int32, np.uint32):
        assert np.array_equal(run("gather", table, ids.astype(dtype))[0], table[ids])
    raw = table.view(np.int32)
    assert np.array_equal(run("gather", raw, ids.astype(np.int32))[0], raw[ids])


def test_gather_reads_nothing_beyond_the_table() -> None:
    table, ids = draw(5, 4), np.int32([-1, -(2**31), 5, 2**31 - 1, 2])
    assert np.array_equal(run("gather", table, ids)[0], table[[0, 0, 4, 4, 2]])


# Around a stretch that one workgroup sorts (1024), several merges of them, the rows that one lane adds (64) and the
# columns of a workgroup that adds more (64).
@pytest.mark.parametrize(
    ("count", "rows", "width"),
    [
        (1, 1, 1), (2, 5, 64), (33, 50_000, 65), (255, 3, 2), (257, 300, 63), (64, 1, 7), (65, 1, 7), (129, 2, 70),
        (640, 10, 3), (1023, 40, 1), (1024, 40, 3), (1025, 40, 16), (2049, 1, 5), (5000, 7, 33), (5000, 9000, 4),
        (4096, 4096, 1), (70, 11, 300), (20_000, 2, 1),
    ],
)  # fmt: skip
def test_rows_are_scattered(count: int, rows: int, width: int) -> None:
    ids = np.random.default_rng(count).integers(0, rows, count, np.int32)
    wanted = np.zeros((rows, width))
    dy = draw(count, width)
    np.add.at(wanted, ids, dy.astype(np.float64))
    got, again = (run("scatter_add", dy, ids, count=rows)[0] for _ in range(2))
    assert np.abs(got - wanted).max() <= 3e-6 * max(count / rows, 1) ** 0.5
    assert np.array_equal(got, again)


def test_scattering_to_few_and_to_all_different_ids() -> None:
    dy = draw(3000, 10)
    n = np.arange(3000)
    for ids in (n * 0, n, n[::-1], n % 2, n // 1500, *(n // k for k in (63, 64, 65, 66)), np.maximum(n - 61, 0) // 65):
        agree("scatter_add", dy, ids.astype(np.int32), count=3000)


def test_ids_beyond_the_table_are_not_scattered() -> None:
    """They are refused at the door; here nothing but the output may be written."""
    dy, ids = draw(6, 3), np.int32([1, -1, 4, 2**31 - 1, 1, -(2**31)])
    (got,) = run("scatter_add", dy, ids, count=4)
    wanted = np.zeros((4, 3), np.float32)
    wanted[1] = dy[0] + dy[4]
    assert np.array_equal(got, wanted)


def test_what_is_not_finite_stays_in_its_row() -> None:
    dy, ids = draw(2000, 2), np.arange(2000, dtype=np.int32) % 5
    dy[3, 0], dy[4, 1] = np.nan, -np.inf
    (got,) = run("scatter_add", dy, ids, count=5)
    assert np.isnan(got[3, 0]) and np.isneginf(got[4, 1]) and np.isfinite(got).sum() == 8


@pytest.mark.parametrize("shape", [(1, 2), (2, 3, 5, 6), (4096, 64), (3, 257, 2)])
@pytest.mark.parametrize("inverse", [False, True])
def test_positions_are_turned_exactly(shape: tuple[int, ...], inverse: bool) -> None:
    """Its angles come from float64, so the thousandth position is as right as the first."""
    x = draw(*shape)
    wanted = exactly(ops.rotary, x.astype(np.float64), inverse=inverse)
    for base in (10000.0, 50.0):
        wanted = exactly(ops.rotary, x.astype(np.float64), inverse=inverse, base=base)
        assert np.abs(run("rotary", x, inverse=inverse, base=base)[0] - wanted).max() <= 1e-6
    assert (
        suite.distance(in_place(ops.rotary, [x], 0, inverse=inverse), exactly(ops.rotary, x, inverse=inverse)) <= 1e-6
    )


def test_angles_of_one_length_lie_on_the_device_once() -> None:
    assert GPU
    before = GPU[1].heap.used

    def used(turns: int) -> int:
        recorder = Recorder()
        x = recorder.input("x", (4000, 64))
        for _ in range(turns):
            x = ops.rotary(x)
        recorder.output("y", x)
        loaded = GPU[1].load(recorder.finish(), GPU[1].allocate({}))
        assert loaded.program
        return GPU[1].heap.used - before

    assert used(1) == used(2) == used(7)
    assert GPU[1].heap.used == before


WIDE: dict[str, tuple[int, ...]] = {
    "lstm_step": (4, 4, 1),
    "lstm_step_gradient": (1, 1, 1, 4, 1, 1),
    "gru_step": (3, 3, 1),
    "gru_step_gradient": (1, 1, 1, 4, 1),
}
"""How many times H each input is wide."""


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("shape", [(1, 1), (3, 85), (2, 128), (1, 257), (300, 33), (2, 5, 7)])
def test_recurrent_steps_of_every_size(name: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    agree(name, *(np.float32(rng.normal(size=(*shape[:-1], k * shape[-1]))) for k in WIDE[name]))


@pytest.mark.parametrize("name", ["lstm_step", "gru_step"])
def test_gates_saturate_and_keep_what_is_not_a_number(name: str) -> None:
    for value in (np.nan, np.inf, -np.inf, 3e38, -3e38, 50.0, -50.0, 1e-30):
        for place in range(3):
            arrays = [draw(2, k * 3, scale=0.5) for k in WIDE[name]]
            arrays[place][0] = value
            agree(name, *arrays)
