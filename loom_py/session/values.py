"""Encoding of results as plain data, and decoding of arguments."""

from __future__ import annotations

import dataclasses
import enum
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from loom_py import introspect
from loom_py.errors import DataError, ShapeError
from loom_py.session.handles import KEY, Handles
from loom_py.shapes import shape_text, size_of

BYTES = "$bytes"
"""Key of bytes that are no array of numbers, such as those of a file."""
ARGUMENT_DEPTH = 100
"""Levels of nesting in an argument; the bridge's encoder has the same limit."""
RESULT_DEPTH = 200
"""Levels of nesting in a result: the description of a network nests deeper than its config."""


def encode(value: Any, handles: Handles, depth: int = 0) -> Any:
    """A value as plain data: records become dicts, sequences lists, introspectable objects handles.

    NumPy arrays are returned unchanged.

    Args:
        value: the value.
        handles: makes the references to objects.
        depth: number of values that contain it.

    Raises:
        DataError: the value is of another type, or nested too deeply.
    """
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str | bytes | memoryview | np.ndarray):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, introspect.Introspectable):
        return handles.reference(value)
    _check_depth(depth, RESULT_DEPTH, "result")
    if isinstance(value, Mapping):
        return {str(key): encode(item, handles, depth + 1) for key, item in value.items()}
    record = _record(value)
    if record is not None:
        return {key: encode(item, handles, depth + 1) for key, item in record.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(item, handles, depth + 1) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise DataError.expected("result", expected="plain data or a public object", got=f"a {type(value).__name__}")


def encode_message(value: Any, handles: Handles) -> Any:
    """As `encode`, but arrays at the top level of a message cross without their shape."""
    plain = encode(value, handles)
    if not isinstance(plain, dict):
        return plain
    return {key: memoryview(item) if isinstance(item, np.ndarray) else item for key, item in plain.items()}


def _record(value: Any) -> Mapping[str, Any] | None:
    """The fields of a record by name; None if the value is not a record.

    Not its `to_dict`, which is for JSON: NaN is a string there and crosses as a number here.
    """
    if isinstance(value, introspect.MethodInfo | introspect.ParameterInfo):
        return value.to_dict()
    to_config = getattr(value, "to_config", None)
    if callable(to_config):  # layers and options
        config: Mapping[str, Any] = to_config()
        return config
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.name[0] != "_"}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    return None


def decode(value: Any, handles: Handles, depth: int = 0) -> Any:
    """Plain data as Python values: handles become their objects, `{data, shape}` arrays of that shape.

    Functions are wrapped so that they receive plain data.

    Args:
        value: plain data.
        handles: has the objects of references.
        depth: number of values that contain it.

    Raises:
        DataError: it is nested too deeply, or the data of an array are no numbers.
        ShapeError: data and shape of an array do not fit.
        StateError: a handle was disposed, or is another session's.
    """
    if isinstance(value, dict):
        _check_depth(depth, ARGUMENT_DEPTH, "argument")
        if KEY in value:
            return handles.get(value[KEY])
        if BYTES in value:
            return _bytes(value[BYTES])
        if value.keys() == {"data", "shape"}:
            return _array(value["data"], value["shape"])
        return {key: decode(item, handles, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        _check_depth(depth, ARGUMENT_DEPTH, "argument")
        numbers_only = all(type(item) is float or type(item) is int for item in value)
        return value if numbers_only else [decode(item, handles, depth + 1) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if callable(value):
        return lambda *args: decode(value(*(encode_message(argument, handles) for argument in args)), handles)
    return value


def _check_depth(depth: int, limit: int, what: str) -> None:
    if depth >= limit:
        raise DataError.expected(what, expected=f"at most {limit} levels of nesting", got="more")


def _bytes(data: Any) -> bytes:
    if isinstance(data, np.ndarray | bytes):
        return bytes(data)
    raise DataError.expected(BYTES, expected="bytes", got=f"a {type(data).__name__}")


def _array(data: Any, shape: Any) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise DataError.expected("data of an array", expected="numbers", got=str(error)) from None
    shape = shape.tolist() if isinstance(shape, np.ndarray) else shape
    if not (isinstance(shape, list) and all(type(extent) is int and extent >= 0 for extent in shape)):
        raise ShapeError.expected("shape of an array", expected="a list of whole numbers", got=repr(shape)[:40])
    if array.size != size_of(shape):
        raise ShapeError.expected(
            "array", expected=f"{size_of(shape)} elements for shape {shape_text(shape)}", got=f"{array.size} elements"
        )
    return array.reshape(shape)
