"""Strict JSON for what observers write: NaN and the infinities are the texts "NaN", "Infinity" and "-Infinity".

JSON has no such numbers: Python's writer puts out bare words that no other parser takes, JavaScript's writes null.
A float is rounded to 9 significant digits, which is what a float32 needs to survive text; absent is null.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from loom_py.errors import FileFormatError
from loom_py.telemetry.statistics import NOT_MEASURED

_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

PlainNumber = float | int | str | None


def encode_float(value: float | None) -> PlainNumber:
    """A float as JSON can carry it; None for what was not measured."""
    if value is None or value is NOT_MEASURED:
        return None
    value = float(value)
    if math.isfinite(value):
        return float(f"{value:.9g}")
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_float(value: object) -> float:
    """The float that `encode_float` wrote; raises FileFormatError for anything else."""
    if value is None:
        return NOT_MEASURED
    if isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    raise FileFormatError.expected("statistic", expected='a number, null, "NaN" or "±Infinity"', got=repr(value)[:40])


def plain(value: object) -> Any:
    """Dataclasses, mappings, sequences and NumPy values as dicts, lists and scalars that JSON can carry."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | np.floating):
        return encode_float(float(value) if isinstance(value, np.floating) else value)
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def dumps(value: object) -> str:
    """Compact strict JSON on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def loads(text: str) -> Any:
    """Read strict JSON; raises FileFormatError for bare NaN or Infinity, absurd depth, and text that is not JSON."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"JSON expected, got {text[:40]!r}…: {error}") from error


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON; it must be written as a quoted text")
