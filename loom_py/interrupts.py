"""Ctrl-C: a KeyboardInterrupt waits for the end of a step, whose weights, state and counts belong together.

Signals reach the main thread alone. Where the program has a handler of its own, nothing is changed.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class _Hold:
    """Holds an interrupt back inside `with`; nests. Only within `deferrable`."""

    def __init__(self) -> None:
        self.depth = 0
        self.pending = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The handler of SIGINT."""
        if self.depth:
            self.pending = True
        else:
            raise KeyboardInterrupt

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self.depth += 1

    def __exit__(self, *error: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self.depth -= 1
            if self.pending and not self.depth:
                self.pending = False
                raise KeyboardInterrupt


held = _Hold()
"""`with held:` is a step: an interrupt comes at its end."""


@contextmanager
def deferrable() -> Iterator[None]:
    """Make interrupts wait for the end of `held` parts, for as long as it lasts."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, held.handle)
    try:
        yield
    finally:
        with suppress(ValueError):  # a generator that another thread closes
            signal.signal(signal.SIGINT, signal.default_int_handler)
