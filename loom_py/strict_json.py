"""Strict JSON: NaN and the infinities are written as the texts "NaN", "Infinity" and "-Infinity".

JSON has no such numbers (RFC 8259, 6). Python's writer emits bare words that no other parser reads; JavaScript's
writes null. OTLP JSON has the same texts (proto3 JSON).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from loom_py.errors import FileFormatError

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
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


def decode_count(value: object, name: str, most: int = 2**63 - 1) -> int:
    """A whole number from 0 up to `most`; raises FileFormatError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    raise FileFormatError.expected(name, expected=f"a whole number from 0 to {most}", got=repr(value)[:40])


def decode_amount(value: object, name: str) -> float:
    """A finite number from 0; raises FileFormatError for anything else."""
    number = decode_float(value, name)
    if 0 <= number < math.inf:
        return number
    raise FileFormatError.expected(name, expected="a finite number from 0", got=repr(value)[:40])


def dumps(value: object, *, compact: bool = True) -> str:
    """Strict JSON on one line; a float that is not finite must have been encoded."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":") if compact else None)


def loads(
    text: str | bytes,
    name: str,
    *,
    parse_int: Callable[[str], int] | None = None,
    parse_float: Callable[[str], float] | None = None,
) -> Any:
    """Read strict JSON, bytes as UTF-8.

    Args:
        text: JSON.
        name: what it is, for the error.
        parse_int: makes a number of the text of a whole one, as in `json.loads`.
        parse_float: the same for other numbers.

    Raises:
        FileFormatError: it is not JSON, has a bare NaN or Infinity, a key twice in an object or half a surrogate pair,
            or is nested too deeply.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(
            decoded, object_pairs_hook=_once, parse_constant=_refuse, parse_int=parse_int, parse_float=parse_float
        )
        if _SURROGATE.search(decoded):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except FileFormatError as error:  # of the hooks
        raise FileFormatError(f"{name}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{name}: expected JSON, got {text[:40]!r}: {_short(error)}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its keys and values, each key once."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise FileFormatError(f"expected unique keys in an object, got {twice[:40]!r} twice")
    return found


def _short(error: Exception) -> str:
    return "half a surrogate pair" if isinstance(error, UnicodeEncodeError) else str(error)[:160]


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON; it must be written as a quoted text")
