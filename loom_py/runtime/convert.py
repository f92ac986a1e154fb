"""Conversion of plain data between JavaScript and Python, arrays in one copy.

Arrays bypass Pyodide's own conversion of buffers, which is 4 to 10 times slower than `assign` and turns n-dimensional
ones into nested arrays: they are passed as `{data, shape}` with `data` flat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from loom_py.errors import DataError
from loom_py.runtime.host import in_browser

if TYPE_CHECKING:
    from collections.abc import Callable

if in_browser():
    import js
    from pyodide import ffi

JsValue = Any
"""A value of JavaScript."""

# Element types of JavaScript, and for those that it lacks the nearest one that holds them.
_JS_TYPES = {
    "float32": "Float32Array",
    "float64": "Float64Array",
    "int8": "Int8Array",
    "int16": "Int16Array",
    "int32": "Int32Array",
    "uint8": "Uint8Array",
    "uint16": "Uint16Array",
    "uint32": "Uint32Array",
}
_NEAREST = {"bool": "uint8", "float16": "float32", "int64": "float64", "uint64": "float64"}
_LARGEST_EXACT = 2**53


def from_js(value: JsValue) -> Any:
    """A JavaScript value as plain Python data: dict, list, str, bool, int, float, None, and arrays of NumPy.

    `null` and `undefined` become None; typed arrays and `ArrayBuffer`s are copied once. Numbers without a fraction
    become int, since JavaScript does not distinguish 1 from 1.0. Functions become functions of plain data.
    """
    return _plain(value.to_py() if isinstance(value, ffi.JsProxy) else value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        # Long lists are mostly rows of numbers, which need no conversion.
        return (
            value if value and isinstance(value[0], int | float) and _all_numbers(value) else list(map(_plain, value))
        )
    if isinstance(value, memoryview):
        # NumPy does not support the formats "c" and "?"; an ArrayBuffer has no element type. Both are bytes.
        return np.frombuffer(value, dtype=_dtype_of(value))
    if is_null(value):
        return None
    if isinstance(value, bool | int | float | str):
        return value
    if getattr(value, "typeof", "") == "function":
        return lambda *args: from_js(value(*(to_js(argument)[0] for argument in args)))
    raise DataError.expected(
        "value from JavaScript",
        expected="plain data (objects, arrays, numbers, strings, booleans, null, typed arrays, functions)",
        got=_js_type(value),
    )


def _all_numbers(values: list[Any]) -> bool:
    return all(type(item) is float or type(item) is int for item in values)


def _dtype_of(view: memoryview) -> np.dtype[Any]:
    return np.dtype(np.uint8) if view.format in ("c", "?") else np.dtype(view.format)


def _js_null() -> object:
    """JavaScript's null as Python sees it: None in Pyodide before 0.28, an object of its own since."""
    return getattr(ffi, "jsnull", None)


def is_null(value: object) -> bool:
    """Whether a value from JavaScript is null or undefined."""
    return value is None or value is _js_null()


def _js_type(value: object) -> str:
    return f"a JavaScript {getattr(value, 'typeof', type(value).__name__)}"


def to_js(value: Any) -> tuple[JsValue, JsValue]:
    """Plain Python data as a JavaScript value, with a JavaScript array of its transferable buffers.

    None becomes null, integers beyond 2⁵³ the nearest float,
    arrays `{data, shape}` with a new typed array, bytes and memoryviews just a typed array. No proxy of a Python object
    is made.
    """
    transfer: list[JsValue] = []
    packed = _pack(value, transfer)
    converted = ffi.to_js(packed, dict_converter=js.Object.fromEntries, create_pyproxies=False)
    return converted, ffi.to_js(transfer, create_pyproxies=False)


def _pack(value: Any, transfer: list[JsValue]) -> Any:
    if isinstance(value, str | bool | float):
        return value
    if value is None:
        return _js_null()
    if isinstance(value, int):
        return value if -_LARGEST_EXACT <= value <= _LARGEST_EXACT else float(value)
    if isinstance(value, dict):
        return {str(key): _pack(item, transfer) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(item, transfer) for item in value]
    if isinstance(value, np.ndarray):
        return {"data": _typed_array(value, transfer), "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return _pack(value.item(), transfer)
    if isinstance(value, bytes | bytearray | memoryview):
        return _typed_array(np.asarray(value if isinstance(value, memoryview) else memoryview(value)), transfer)
    raise DataError.expected("value for JavaScript", expected="plain data and arrays", got=f"a {type(value).__name__}")


def _typed_array(array: np.ndarray[Any, Any], transfer: list[JsValue]) -> JsValue:
    dtype = _NEAREST.get(array.dtype.name, array.dtype.name)
    if dtype not in _JS_TYPES:
        raise DataError.expected("array for JavaScript", expected=f"one of {', '.join(_JS_TYPES)}", got=dtype)
    flat = np.ascontiguousarray(array, dtype=dtype).reshape(-1)
    target = _constructor(_JS_TYPES[dtype])(flat.size)
    if flat.size:
        target.assign(flat)
    transfer.append(target.buffer)
    return target


_constructors: dict[str, Callable[[int], JsValue]] = {}


def _constructor(name: str) -> Callable[[int], JsValue]:
    """Constructor such as `Float32Array.new`, cached: each look-up through `js` costs as much as the call."""
    if name not in _constructors:
        _constructors[name] = getattr(js, name).new
    return _constructors[name]
