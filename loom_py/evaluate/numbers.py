"""Numbers as strict JSON carries them, and arrays as users give them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loom_py.errors import DataError, FileFormatError

Vector = NDArray[np.float64]
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def vector(values: ArrayLike, what: str) -> Vector:
    """The values of one sample in a row, float64; raises DataError when they are no numbers."""
    return array(values, what).ravel()


def array(values: ArrayLike, what: str) -> Vector:
    """Values as float64; raises DataError when they are no numbers or there are none."""
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError.expected(what, expected="numbers", got=f"{type(values).__name__} ({error})") from error
    if found.size == 0:
        raise DataError.expected(what, expected="at least one number", got="none")
    return found


def pairs(outputs: ArrayLike, targets: ArrayLike) -> zip[tuple[Any, Any]]:
    """Samples of a batch with their targets; raises DataError when the numbers differ."""
    first, second = np.asarray(outputs), np.asarray(targets)
    lengths = [a.shape[0] if a.ndim else 0 for a in (first, second)]
    if lengths[0] != lengths[1]:
        raise DataError.expected("batch", expected=f"{lengths[0]} targets, one a sample", got=lengths[1])
    return zip(first, second, strict=True)


def encode(value: float) -> float | str:
    """A float for JSON: NaN and infinities are texts."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode(value: object) -> float:
    """The float that `encode` wrote; raises FileFormatError for anything else."""
    if isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    raise FileFormatError.expected("number", expected='a number, "NaN" or "±Infinity"', got=repr(value)[:40])


def count(value: object, what: str) -> int:
    """A count read from JSON; raises FileFormatError when it is none."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise FileFormatError.expected(what, expected="a whole number from 0", got=repr(value)[:40])


def dumps(value: object) -> str:
    """Strict JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def loads(text: str) -> dict[str, Any]:
    """A JSON object from text; raises FileFormatError."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"metrics: JSON expected: {error}") from error
    if not isinstance(found, dict):
        raise FileFormatError.expected("metrics", expected="a JSON object", got=type(found).__name__)
    return found


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")
