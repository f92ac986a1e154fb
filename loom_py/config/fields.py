"""Constructor parameters of layers and options: types with ranges, checked from their declaration."""

from __future__ import annotations

import dataclasses
import os
import queue
import reprlib
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from loom_py.errors import ConfigError

LARGEST_FLOAT = (2 - 2**-23) * 2.0**127
"""Largest finite float32."""


@dataclass(frozen=True)
class Range:
    """Lowest and highest value allowed; `open_high` excludes the highest. Floats are finite in float32 too."""

    low: float
    high: float = float("inf")
    open_high: bool = False

    def holds(self, value: float) -> bool:
        """Whether the value is in the range (NaN never is)."""
        return self.low <= value and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        if self.high == float("inf"):
            return f"at least {self.low:g}"
        return f"{self.low:g} to {'below ' if self.open_high else ''}{self.high:g}"


Size = Annotated[int, Range(1)]
"""A positive whole number."""
Count = Annotated[int, Range(0)]
"""A whole number, 0 allowed."""
Share = Annotated[float, Range(0, 1, open_high=True)]
"""A fraction below 1."""
Positive = Annotated[float, Range(1e-30)]
"""A number above 0."""
NonNegative = Annotated[float, Range(0)]
"""A number of at least 0."""
BudgetShare = Annotated[float, Range(1e-6, 1, open_high=True)]
"""A fraction above 0 and below 1."""
Seconds = Annotated[float, Range(0, 1e6)]
"""A time in seconds, up to 11 days; the timers of JavaScript end at 24 days."""
Timeout = Annotated[float, Range(1e-3, 1e6)]
"""A time in seconds to wait for something, at least a millisecond."""
SizePair = tuple[Size, Size]
"""Positive whole numbers for height and width."""
CountPair = tuple[Count, Count]
"""Whole numbers for height and width, 0 allowed."""


_HINTS: dict[type, dict[str, Any]] = {}


def hints(cls: type) -> dict[str, Any]:
    """Resolved annotations of a dataclass's fields, ranges included."""
    if cls not in _HINTS:
        known = get_type_hints(cls, include_extras=True)
        _HINTS[cls] = {f.name: known[f.name] for f in dataclasses.fields(cls)}
    return _HINTS[cls]


def plain_numbers(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's, in lists too, which become tuples; anything else as it is."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    return tuple(plain_numbers(item) for item in value) if isinstance(value, list | tuple) else value


def check_fields(thing: object) -> None:
    """Check every field of a dataclass instance against its annotation; raises ConfigError naming the field."""
    for name, hint in hints(type(thing)).items():
        check_value(f"{type(thing).__name__}.{name}", getattr(thing, name), hint)


def check_value(name: str, value: Any, hint: Any) -> None:
    """Check a value against an annotation; raises ConfigError, without the values of a dict, which may be secret."""
    problem = mismatch(value, hint)
    if problem:
        got = "a dict with others" if isinstance(value, Mapping) else reprlib.repr(value)
        raise ConfigError.expected(name, expected=problem, got=got)


def mismatch(value: Any, hint: Any) -> str | None:
    """Description of the expected value if a value does not fit an annotation, else None."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, *constraints = get_args(hint)
        problem = mismatch(value, base)
        ranges = [c for c in constraints if isinstance(c, Range)]
        if problem is None and base is float and abs(value) > LARGEST_FLOAT:
            return f"{_word(base)} that is finite in float32"
        return problem or next((f"{_word(base)} {r}" for r in ranges if value is not None and not r.holds(value)), None)
    if origin is Literal:
        choices = get_args(hint)
        return None if value in choices else " or ".join(map(repr, choices))
    if origin is tuple:
        return _tuple_mismatch(value, get_args(hint))
    if origin is Mapping:
        return _mapping_mismatch(value, *get_args(hint))
    if origin is Sequence:
        return _tuple_mismatch(value, (*get_args(hint), Ellipsis))
    if origin in (Union, types.UnionType):
        problems = [mismatch(value, option) for option in get_args(hint)]
        return None if None in problems else " or ".join(p for p in problems if p)
    if origin in _GENERIC:
        word, accepted = _GENERIC[origin]
        return None if isinstance(value, accepted) else word
    return _plain_mismatch(value, hint) if isinstance(hint, type) else None


_PLAIN: dict[type, tuple[str, type | tuple[type, ...]]] = {
    int: ("a whole number", int),
    float: ("a number", (int, float)),
    bool: ("True or False", bool),
    str: ("a text", str),
    types.NoneType: ("None", types.NoneType),
}


_GENERIC: dict[Any, tuple[str, type]] = {
    Callable: ("a function", Callable),  # type: ignore[dict-item]
    Iterable: ("a list", Iterable),
    os.PathLike: ("a path", os.PathLike),
    queue.Queue: ("a queue.Queue", queue.Queue),
}


def _plain_mismatch(value: Any, hint: type) -> str | None:
    if issubclass(hint, IO):  # files and their like are known by their methods
        return None if callable(getattr(value, "write", None)) else "a stream to write to"
    word, accepted = _PLAIN.get(hint, (f"a {hint.__name__}", hint))
    fits = isinstance(value, accepted) and (hint is bool or not isinstance(value, bool))
    return None if fits else word


def _mapping_mismatch(value: Any, key_hint: Any = Any, value_hint: Any = Any) -> str | None:
    if not isinstance(value, Mapping):
        return "a dict"
    keys = (f"a dict whose keys are each {found}" for key in value if (found := mismatch(key, key_hint)))
    values = (f"a dict with {found} at [{key!r}]" for key, v in value.items() if (found := mismatch(v, value_hint)))
    return next(keys, None) or next(values, None)


def _tuple_mismatch(value: Any, hints: tuple[Any, ...]) -> str | None:
    """As `mismatch`, for `tuple[X, ...]` and `tuple[X, Y]`, which may be lists as well."""
    count = None if hints[-1] is Ellipsis else len(hints)
    word = "a list" if count is None else f"a list of {count}"
    if not isinstance(value, tuple | list) or (count is not None and len(value) != count):
        return word
    each = [hints[0]] * len(value) if count is None else hints
    problems = [(i, mismatch(item, hint)) for i, (item, hint) in enumerate(zip(value, each, strict=True))]
    return next((f"{word} with {problem} at [{i}]" for i, problem in problems if problem), None)


def _word(hint: Any) -> str:
    return _PLAIN[hint][0] if hint in _PLAIN else "a value"
