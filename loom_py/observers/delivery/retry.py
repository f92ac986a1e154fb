"""What a server's answer means, and how long to wait before asking again.

OTLP/HTTP (opentelemetry-proto specification): 429, 502, 503 and 504 are asked again, other errors never; Retry-After
is honoured; the wait grows exponentially, with jitter.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

RETRIED = frozenset({429, 502, 503, 504})
TOO_LARGE = 413
LONGEST_WAIT_S = 3600.0

Verdict = Literal["delivered", "again", "smaller", "refused"]


@dataclass(frozen=True, slots=True)
class Response:
    """What came back of a request: a status with headers and body, or an error in words."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str | None = None

    @property
    def verdict(self) -> Verdict:
        """What to do; no answer at all counts as a server that is away for a while."""
        if self.error is not None or self.status in RETRIED:
            return "again"
        if 200 <= self.status < 300:
            return "delivered"
        return "smaller" if self.status == TOO_LARGE else "refused"

    @property
    def words(self) -> str:
        """The answer in words, for `last_error`."""
        return self.error or f"HTTP status {self.status}"

    def retry_after_s(self, now: datetime | None = None) -> float | None:
        """Seconds that the server asks to wait, from a number or a date (RFC 9110, 10.2.3); None if it does not."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return float(min(int(text[:9]), LONGEST_WAIT_S))
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return min(max((until - (now or datetime.now(UTC))).total_seconds(), 0.0), LONGEST_WAIT_S)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of `first_s · factor^(n-1)`, at most `longest_s`, each times a random factor of 1 ± `jitter`."""

    first_s: float = 1.0
    """Seconds to wait after the first failure."""
    factor: float = 2.0
    """How many times longer each wait is than the one before."""
    longest_s: float = 30.0
    """Longest wait in seconds."""
    jitter: float = 0.2
    """Share by which each wait is made longer or shorter at random."""
    attempts: int = 6
    """Failures in a row after which a batch is given up."""

    def wait_s(self, failures: int, asked_s: float | None = None) -> float:
        """Seconds to wait after so many failures in a row; never less than the server asked for."""
        wait = min(self.first_s * self.factor ** min(failures - 1, 60), self.longest_s)
        # Jitter keeps many senders from coming back all at once; no secret depends on it.
        wait *= 1 + self.jitter * random.uniform(-1, 1)
        return max(wait, asked_s or 0.0)
