"""What carries out a delivery."""

from __future__ import annotations

from typing import Protocol


class Driver(Protocol):
    """Carries out a delivery beside the training."""

    def wake(self) -> None:
        """There is something to send."""

    def hurry(self) -> None:
        """There is a whole batch to send, or someone wants it sent now."""

    def flush(self, timeout_s: float) -> None:
        """Hurry, and wait until all is sent where waiting is possible, at most so long."""

    def close(self, timeout_s: float) -> None:
        """Send what is left within that time, then stop."""
