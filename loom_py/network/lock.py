"""One thread at a time: calls of one network wait for each other."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from loom_py.errors import StateError


class Locked(Protocol):
    """An object with a lock of its own; reentrant, since observers call the network that calls them."""

    lock: threading.RLock


P = ParamSpec("P")
R = TypeVar("R")
L = TypeVar("L", bound=Locked)


def exclusive(method: Callable[Concatenate[L, P], R]) -> Callable[Concatenate[L, P], R]:
    """Make a method hold the object's lock: memory, Programs and their results are shared by all calls."""

    @functools.wraps(method)
    def locked(self: L, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return method(self, *args, **kwargs)

    return cast("Callable[Concatenate[L, P], R]", locked)


class OneRun:
    """At most one training run at a time; it may go on in another thread than it began in."""

    def __init__(self) -> None:
        self._running = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold the place of the run; raises StateError where another holds it."""
        if not self._running.acquire(blocking=False):
            raise StateError.expected(
                "training", expected="one run of a network at a time", got="a second one",
                do="wait for the end of the first or close it, or train a copy (copy.deepcopy)",
            )  # fmt: skip
        try:
            yield
        finally:
            self._running.release()
