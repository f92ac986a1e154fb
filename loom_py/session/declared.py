"""Checks of arguments against the types that their annotations declare, as far as these say what a value must be."""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from loom_py.errors import ConfigError, DataError
from loom_py.introspect.annotations import ARRAYS


class AnyArray:
    """Stands for the array types in annotations: NumPy's own definitions differ by version, bytes among them."""

    def __class_getitem__(cls, _: object) -> type[AnyArray]:
        return cls


OPAQUE: dict[str, object] = dict.fromkeys(ARRAYS, AnyArray)
"""The names of array types in annotations, with their stand-in."""

_SCALARS: dict[object, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    bool: ("true or false", (bool,)),
    str: ("a text", (str,)),
    bytes: ("bytes", (bytes,)),
    os.PathLike: ("a path", (str, os.PathLike)),
    type(None): ("nothing", (type(None),)),
}


def alternatives(annotation: object) -> Iterator[object]:
    """The members of a union, or the annotation itself, without `Annotated` metadata."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from alternatives(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from alternatives(part)
    else:
        yield annotation


def check(value: Any, options: Sequence[object], name: str) -> Any:
    """A value that one of the declared types admits; nested lists of numbers become arrays where those are declared.

    Types that only their own code can judge, such as layers, admit every value.

    Args:
        value: the argument.
        options: the alternatives of its annotation.
        name: the argument's name for errors.

    Raises:
        ConfigError: no declared type admits it.
        DataError: the same for an array; also of a list of rows of unequal length.
    """
    words: list[str] = []
    for option in options:
        word, admits = _rule(option)
        if admits(value):
            return _rows(value, name) if option is AnyArray and isinstance(value, list | tuple) else value
        words.append(word)
    error = DataError if AnyArray in options else ConfigError
    raise error.expected(name, expected=" or ".join(dict.fromkeys(words)), got=_shown(value))


@cache
def _rule(option: object) -> tuple[str, Callable[[Any], bool]]:
    """A declared type in words, and what it admits."""
    origin = typing.get_origin(option)
    if option is AnyArray:
        return "numbers in an array or nested lists", _is_array
    if origin is typing.Literal:
        kinds = tuple({type(value) for value in typing.get_args(option)})
        return "one of its names", lambda value: isinstance(value, kinds)
    if (scalar := _SCALARS.get(origin or option)) is not None:
        return scalar[0], partial(_is_scalar, scalar[1])
    if isinstance(option, type) and dataclasses.is_dataclass(option):
        return f"a dict of {option.__name__}", lambda value: isinstance(value, option)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a dict", lambda value: isinstance(value, Mapping)
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return "a list", _is_list
    return "", lambda value: True


def _is_scalar(kinds: tuple[type, ...], value: Any) -> bool:
    return isinstance(value, kinds) and (type(value) is not bool or bool in kinds)


def _is_array(value: Any) -> bool:
    return isinstance(value, int | float | list | tuple | np.ndarray)


def _is_list(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _rows(value: Any, name: str) -> Any:
    try:
        return np.asarray(value)
    except ValueError:
        raise DataError.expected(name, expected="rows of one length", got="rows of several") from None


def _shown(value: Any) -> str:
    if isinstance(value, float | str):
        return repr(value)[:40]
    return "nothing" if value is None else type(value).__name__
