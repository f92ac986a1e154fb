"""The page's messages, checked before they are handled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loom_py.errors import DataError

Request = dict[str, Any]
_Check = Callable[[Any], bool]


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_action(value: Any) -> bool:
    return isinstance(value, str) and value in ("pause", "resume", "step")


def _is(kind: type) -> _Check:
    return lambda value: type(value) is kind


def _or_none(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


_FIELDS: dict[str, dict[str, tuple[str, _Check]]] = {
    "call": {
        "id": ("a whole number", _is_count),
        "target": ("a whole number", _is_count),
        "args": ("a list or nothing", _or_none(_is(list))),
        "options": ("an object or nothing", _or_none(_is(dict))),
        "steps": ("a whole number or nothing", _or_none(_is_count)),
    },
    "abort": {"id": ("a whole number", _is_count)},
    "steer": {
        "id": ("a whole number", _is_count),
        "action": (
            "pause, resume or step",
            _is_action,
        ),
        "steps": ("a whole number or nothing", _or_none(_is_count)),
    },
    "hide": {},
}


def check_request(message: object) -> Request:
    """A message of a known kind whose fields have the right types. A call's method is checked where it is looked up.

    Raises:
        DataError: it is no message, of an unknown kind, or a field is missing or of another type.
    """
    if not isinstance(message, dict):
        raise DataError.expected("message", expected="an object", got=f"a {type(message).__name__}")
    kind = message.get("kind")
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise DataError.expected("kind of a message", expected=f"one of {', '.join(_FIELDS)}", got=repr(kind)[:40])
    for name, (expected, check) in fields.items():
        if not check(message.get(name)):
            raise DataError.expected(f"{kind} message, {name}", expected=expected, got=repr(message.get(name))[:40])
    return message


def number_of(message: object) -> int | None:
    """The number of a call that may be damaged otherwise; None if there is none to answer."""
    if not isinstance(message, dict):
        return None
    kind, number = message.get("kind"), message.get("id")
    return number if isinstance(kind, str) and kind == "call" and _is_count(number) else None
