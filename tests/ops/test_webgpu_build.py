"""How instructions become dispatches together: single numbers in lists, and what may come later."""

from __future__ import annotations

import numpy as np
import pytest

from loom_py import ops
from loom_py.executors.webgpu.loaded import GpuLoaded
from loom_py.executors.webgpu.lower.scalars import _lists, _Row
from loom_py.program import Recorder
from loom_py.shapes import AnyArray
from tests.ops import machines

GPU = machines.webgpu()
pytestmark = pytest.mark.skipif(GPU is None, reason="no driver of a GPU")


def run(recorder: Recorder, **inputs: AnyArray) -> GpuLoaded:
    assert GPU
    loaded = GPU[1].load(recorder.finish(), GPU[1].allocate({}))
    for name, value in inputs.items():
        loaded.write(name, value)
    loaded.run()
    return loaded


def kernels(loaded: GpuLoaded) -> list[str]:
    plan = loaded._built.plan
    return [plan.kernels[number].name for number in plan.dispatches[:, 0]]


def test_single_numbers_are_one_dispatch_and_keep_their_order() -> None:
    recorder = Recorder()
    a, b = recorder.input("a", (1,)), recorder.input("b", (1,))
    product = ops.multiply(a, b)
    quotient = ops.divide(a, b)
    total = ops.add(product, quotient)
    recorder.output("difference", ops.subtract(total, product))
    recorder.output("quotient", quotient)
    recorder.output("total", total)
    recorder.output("square", ops.multiply(b, b))
    loaded = run(recorder, a=np.float32([3.0]), b=np.float32([0.5]))
    assert kernels(loaded) == ["scalars"]
    assert [float(loaded.read(name)[0]) for name in ("total", "difference", "square")] == [7.5, 6.0, 0.25]


def test_lists_hold_what_depends_on_each_other() -> None:
    rows = [_Row(2, 10, 1, 2), _Row(2, 20, 1, 3), _Row(0, 11, 10, 1), _Row(5, 20, 4, 5), _Row(0, 30, 20, 11)]
    assert _lists(rows[:4]) == [[rows[0], rows[2]], [rows[1], rows[3]]]
    (whole,) = _lists(rows)
    assert whole[-1] == rows[4] and set(whole) == set(rows)
    assert whole.index(rows[0]) < whole.index(rows[2]) and whole.index(rows[1]) < whole.index(rows[3])


def test_a_word_is_not_overwritten_before_it_is_read() -> None:
    """Reading first and writing then are in one list too."""
    rows = [_Row(0, 10, 1, 2), _Row(0, 1, 3, 4)]
    assert _lists(rows) == [rows]


def test_statistics_of_a_segment_are_merged_together_at_its_end() -> None:
    x = np.random.default_rng(0).standard_normal((600, 70)).astype(np.float32)
    recorder = Recorder()
    array = recorder.input("x", x.shape)
    for number in range(3):
        recorder.output(f"row{number}", ops.stats(array, unit_axis=-1))
        array = ops.activate(array, function="tanh")
    recorder.output("y", array)
    loaded = run(recorder, x=x)
    assert [n for n in kernels(loaded) if n.startswith("stats")] == ["stats"] * 3 + ["stats_merge"]
    wanted = x
    for number in range(3):
        row = ops.stats(wanted, unit_axis=-1)
        np.testing.assert_allclose(loaded.read(f"row{number}"), row, rtol=1e-5, atol=1e-6 * np.nanmax(np.abs(row)))
        wanted = np.tanh(wanted)


def test_statistics_that_somebody_reads_are_there_in_time() -> None:
    x = np.random.default_rng(0).standard_normal(60_000).astype(np.float32)
    recorder = Recorder()
    row = ops.stats(recorder.input("x", x.shape))
    recorder.output("again", ops.copy(row))
    recorder.output("other", ops.stats(recorder.input("z", x.shape)))
    loaded = run(recorder, x=x, z=x)
    np.testing.assert_allclose(loaded.read("again")[5:10], ops.stats(x)[5:10], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(loaded.read("again"), loaded.read("other"))
