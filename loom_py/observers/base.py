"""What this package's observers have in common: they list their methods, and closing twice is closing once."""

from __future__ import annotations

from loom_py.introspect import Introspectable
from loom_py.telemetry.events import Observer


class LoomObserver(Observer, Introspectable):
    """Base of the observers of this package; the options are those of `Observer`."""

    _closed: bool = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Deliver what is held back and release what the observer holds; further calls do nothing."""
        if not self._closed:
            self._closed = True
            self._release()

    def _release(self) -> None:
        """Flush and free; called once. Overridden by observers that hold something."""
        self.flush()
