"""Strict JSON: NaN and the infinities are written as the texts "NaN", "Infinity" and "-Infinity".

JSON has no such numbers (RFC 8259, 6). Python's writer emits bare words that no other parser reads; JavaScript's
writes null. OTLP JSON has the same texts (proto3 JSON).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from loom_py.errors import FileFormatError

_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_float(value: float, digits: int | None = None) -> float | str:
    """A float as JSON can carry it.

    Args:
        value: any float.
        digits: significant digits to round to: 9 carry a float32 exactly. None writes the float64 itself.
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if digits is None else float(f"{value:.{digits}g}")


def decode_float(value: object, name: str = "number") -> float:
    """The float that `encode_float` wrote; raises FileFormatError for anything else."""
    if isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    raise FileFormatError.expected(name, expected='a number, "NaN" or "±Infinity"', got=repr(value)[:40])


def decode_count(value: object, name: str) -> int:
    """A whole number from 0 upwards; raises FileFormatError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise FileFormatError.expected(name, expected="a whole number from 0", got=repr(value)[:40])


def dumps(value: object, *, compact: bool = True) -> str:
    """Strict JSON on one line; a float that is not finite must have been encoded."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":") if compact else None)


def loads(text: str | bytes, name: str, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Read strict JSON, bytes as UTF-8.

    Args:
        text: JSON.
        name: what it is, for the error.
        object_pairs_hook: makes an object of its keys and values, as in `json.loads`.

    Raises:
        FileFormatError: it is not JSON, has a bare NaN or Infinity, or is nested too deeply.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        return json.loads(decoded, object_pairs_hook=object_pairs_hook, parse_constant=_refuse)
    except FileFormatError:  # of the hook
        raise
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{name}: expected JSON, got {text[:40]!r}: {error}") from None


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON; it must be written as a quoted text")
