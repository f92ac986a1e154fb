"""Streams of observation messages from networks to the page."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

from loom_py.errors import LoomError
from loom_py.observers import CanvasObserver
from loom_py.session.session import Session
from loom_py.session.surface import OBSERVE


class Push(Protocol):
    """Posts messages of a stream."""

    def __call__(self, messages: list[Any], *, last: bool = False) -> None:
        """Post messages; `last` ends the stream."""


class Streams:
    """The observers that feed the page, by the number of the call that started them."""

    def __init__(self, session: Session) -> None:
        """Start without streams."""
        self._session = session
        self._open: dict[int, tuple[int, CanvasObserver, Push]] = {}

    def open(self, number: int, target: int, push: Push, options: Mapping[str, Any]) -> None:
        """Observe an object and push messages from now on, its blueprint first.

        Raises:
            NotPublicError: objects of its class can't be observed.
            ConfigError: an option is unknown or out of range.
        """
        self._session.surface.find(self._session.owner_of(target), OBSERVE)

        def sink(message: dict[str, Any]) -> None:
            push([message])

        observer = self._session.invoke("observe", CanvasObserver, [sink], options)
        self._open[number] = target, observer, push
        self._session.object(target).add_observer(observer)

    def close(self, number: int) -> None:
        """End a stream after its last messages, if it is open."""
        if number not in self._open:
            return
        target, observer, push = self._open.pop(number)
        observer.close()
        push([], last=True)
        with contextlib.suppress(LoomError):  # the network may have detached it, or be gone
            self._session.object(target).remove_observer(observer)

    def close_all_of(self, target: int) -> None:
        """End the streams of an object."""
        for number, (watched, *_) in tuple(self._open.items()):
            if watched == target:
                self.close(number)

    def flush(self, target: int | None = None) -> None:
        """Push an object's buffered messages, such as when its training pauses; None is all objects."""
        for watched, observer, _ in tuple(self._open.values()):
            if target in (None, watched):
                observer.flush()
