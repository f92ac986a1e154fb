"""The door to JavaScript: what crosses it, what doesn't, and what plain CPython is told."""

import asyncio
import math
import sys
import threading

import numpy as np
import pytest

from loom_py import runtime
from loom_py.errors import DataError, UnavailableError

IN_PYODIDE = sys.platform == "emscripten"
in_pyodide = pytest.mark.skipif(not IN_PYODIDE, reason="needs JavaScript")


def crossed(value):
    """A value sent to JavaScript and back."""
    return runtime.from_js(runtime.to_js(value)[0])


def test_the_host_is_known():
    assert runtime.in_browser() == IN_PYODIDE
    assert runtime.can_run_sync() in (True, False)
    first = runtime.clock_ns()
    assert runtime.clock_ns() >= first


@in_pyodide
@pytest.mark.parametrize("value", [None, True, 0, -7, 2.5, math.inf, "", "ä×→", [], [[1, 2], [3.5]], {}, {"a": [None]}])
def test_plain_data_returns_as_it_went(value):
    assert crossed(value) == value


@in_pyodide
def test_nan_stays_nan_and_tuples_become_lists():
    assert math.isnan(crossed(math.nan))
    assert crossed((1, (2, 3))) == [1, [2, 3]]
    assert crossed(2**60) == 2**60  # as the nearest double, here the very number


@in_pyodide
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int16", "int32", "uint8", "uint16", "uint32"])
def test_arrays_keep_type_and_shape(dtype):
    array = np.arange(6, dtype=dtype).reshape(2, 3).T
    back = crossed(array)
    assert back["shape"] == [3, 2]
    assert back["data"].dtype == dtype
    assert back["data"].reshape(3, 2).tolist() == array.tolist()


@in_pyodide
@pytest.mark.parametrize(("dtype", "becomes"), [("bool", "uint8"), ("int64", "float64"), ("float16", "float32")])
def test_types_that_javascript_lacks_become_the_nearest(dtype, becomes):
    assert crossed(np.ones(3, dtype))["data"].dtype == becomes


@in_pyodide
def test_arrays_without_elements_and_scalars_cross():
    assert crossed(np.zeros((0, 3), np.float32))["shape"] == [0, 3]
    assert crossed(np.float32(1.5)) == 1.5
    assert crossed(np.array(2.0))["shape"] == []


@in_pyodide
def test_bytes_and_memoryviews_cross_without_a_shape():
    assert crossed(b"abc").tolist() == [97, 98, 99]
    assert crossed(memoryview(np.array([1.5, math.nan], np.float32)))[0] == 1.5


@in_pyodide
def test_a_sent_array_is_a_copy_that_can_be_transferred():
    array = np.ones(4, np.float32)
    value, transfer = runtime.to_js({"x": array, "y": [array]})
    assert transfer.length == 2
    array[:] = 5
    assert runtime.from_js(value)["x"]["data"].tolist() == [1, 1, 1, 1]


@in_pyodide
def test_what_is_no_plain_data_is_refused():
    import js

    with pytest.raises(DataError, match="plain data"):
        runtime.to_js(object())
    with pytest.raises(DataError, match="one of float32"):
        runtime.to_js(np.ones(2, complex))
    with pytest.raises(DataError, match="plain data"):
        runtime.from_js(js.Object.fromEntries([["when", js.Date.new(0)]]))


@in_pyodide
def test_functions_of_javascript_take_and_give_plain_data():
    import js

    stringify = runtime.from_js(js.JSON.stringify)
    assert stringify({"a": [1, None, 2.5]}) == '{"a":[1,null,2.5]}'
    assert runtime.from_js(js.JSON.parse)('{"b": null}') == {"b": None}


@pytest.mark.cpython
def test_fetch_needs_javascript():
    with pytest.raises(UnavailableError, match="urllib"):
        asyncio.run(runtime.fetch("http://127.0.0.1/"))


@pytest.mark.cpython
def test_spawned_work_runs_and_needs_a_loop():
    done = []

    async def work():
        done.append(1)

    async def main():
        await runtime.spawn(work())

    asyncio.run(main())
    assert done == [1]
    with pytest.raises(RuntimeError, match="no running event loop"):
        runtime.spawn(work())


def test_all_listeners_hear_that_the_page_is_hidden():
    heard = []

    def broken():
        raise ValueError("deaf")

    removes = [
        runtime.on_hide(lambda: heard.append(1)),
        runtime.on_hide(broken),
        runtime.on_hide(lambda: heard.append(2)),
    ]
    with pytest.raises(ValueError, match="deaf"):
        runtime.hidden()
    assert heard == [1, 2]
    for remove in removes:
        remove()
        remove()
    runtime.hidden()
    assert heard == [1, 2]


@pytest.mark.cpython
def test_awaited_calls_give_what_they_give_one_at_a_time_and_others_go_on():
    order = []

    def call(number, *, begun=None):
        order.append(("begins", number))
        if begun is not None:
            assert begun.wait(10)
        order.append(("ends", number))
        return number * 2

    async def main():
        begun = threading.Event()
        calls = asyncio.gather(runtime.awaited(call, 1, begun=begun), runtime.awaited(call, 2))
        await asyncio.sleep(0.01)  # the loop is free while the first call waits
        begun.set()
        return await calls

    assert asyncio.run(main()) == [2, 4]
    assert order == [("begins", 1), ("ends", 1), ("begins", 2), ("ends", 2)]


@pytest.mark.cpython
def test_awaited_calls_raise_and_the_next_is_done():
    def fails():
        raise DataError("no")

    async def main():
        with pytest.raises(DataError, match="no"):
            await runtime.awaited(fails)
        return await runtime.awaited(len, "four")

    assert asyncio.run(main()) == 4
