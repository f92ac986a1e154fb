"""Messages to and from the page, and notification when it is hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loom_py.runtime.convert import JsValue, from_js, to_js

_hide_listeners: list[Callable[[], None]] = []


def sender(post: JsValue) -> Callable[[Mapping[str, Any]], None]:
    """A function that posts plain messages through JavaScript's `post(message, transfer)`; arrays are transferred."""

    def send(message: Mapping[str, Any]) -> None:
        value, transfer = to_js(message)
        post(value, transfer)

    return send


def receiver(
    receive: Callable[[object], None], refuse: Callable[[object, Exception], None]
) -> Callable[[JsValue], None]:
    """A function for JavaScript that passes messages to `receive` as plain data.

    Of one that is no plain data, its kind and number go to `refuse` with the error.
    """

    def on_message(message: JsValue) -> None:
        try:
            plain = from_js(message)
        except Exception as error:
            refuse({key: getattr(message, key, None) for key in ("kind", "id")}, error)
        else:
            receive(plain)

    return on_message


def on_hide(listener: Callable[[], None]) -> Callable[[], None]:
    """Call `listener` when the page is hidden or about to close; returns a function that removes it.

    Little time is left then: send data in one request that outlives the page (`fetch(…, keepalive=True)`, at most
    64 KiB in flight).
    """
    _hide_listeners.append(listener)

    def remove() -> None:
        if listener in _hide_listeners:
            _hide_listeners.remove(listener)

    return remove


def hidden() -> None:
    """Call the listeners since the page is being hidden; all of them, even if one raises."""
    errors: list[Exception] = []
    for listener in tuple(_hide_listeners):
        try:
            listener()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
