"""Responses of servers, and waiting times between attempts.

OTLP/HTTP (opentelemetry-proto specification): requests are repeated after 429, 502, 503 and 504, never after other
errors; Retry-After is honoured; the wait grows exponentially, with jitter.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Literal

from loom_py.config.fields import Range, Seconds, Size, check_fields

RETRIED = frozenset({429, 502, 503, 504})
TOO_LARGE = 413
LONGEST_WAIT_S = 3600.0
MOST_BODY_BYTES = 4 * 2**20
"""Bytes that are read of a response's body; the rest is not waited for."""
_MOST_TEXT = 200

Verdict = Literal["delivered", "again", "smaller", "refused"]


def one_line(text: str) -> str:
    """The beginning of a server's text, safe to log: one line of printable characters."""
    return "".join(c if c.isprintable() else " " for c in text[:_MOST_TEXT])


@dataclass(frozen=True, slots=True)
class Response:
    """Response to a request: status, headers and body, or an error."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str | None = None

    @property
    def verdict(self) -> Verdict:
        """Consequence of the response; without one the server counts as temporarily unavailable."""
        if self.error is not None or self.status in RETRIED:
            return "again"
        if 200 <= self.status < 300:
            return "delivered"
        return "smaller" if self.status == TOO_LARGE else "refused"

    @property
    def words(self) -> str:
        """The response as text, for `last_error`."""
        if self.error is not None:
            return one_line(self.error)
        return f"HTTP status {self.status}" if self.status else "a redirect, which is not followed"

    def retry_after_s(self, now: datetime | None = None) -> float | None:
        """Seconds to wait by the header Retry-After, a number or a date (RFC 9110, 10.2.3); None without it."""
        text = self.headers.get("retry-after", "")[:_MOST_TEXT].strip()
        if text.isascii() and text.isdigit():
            return float(min(int(text[:9]), LONGEST_WAIT_S))
        try:
            until = parsedate_to_datetime(text)
            until = until.replace(tzinfo=until.tzinfo or UTC)
            wait_s = (until - (now or datetime.now(UTC))).total_seconds()
        except Exception:  # the parser of dates has many, such as OverflowError for the year 10³⁰
            return None
        return min(max(wait_s, 0.0), LONGEST_WAIT_S)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff: waits of `first_s · factor^(n-1)`, at most `longest_s`, times a random 1 ± `jitter`."""

    first_s: Seconds = 1.0
    """Wait in seconds after the first failure."""
    factor: Annotated[float, Range(1, 1000)] = 2.0
    """Ratio of each wait to the previous one."""
    longest_s: Seconds = 30.0
    """Longest wait in seconds."""
    jitter: Annotated[float, Range(0, 1)] = 0.2
    """Largest random change of a wait, as a share of it."""
    attempts: Size = 6
    """Number of attempts after which a batch is dropped."""

    def __post_init__(self) -> None:
        check_fields(self)

    def wait_s(self, failures: int, asked_s: float | None = None) -> float:
        """Seconds to wait after this number of failures in a row; at least `asked_s`, the server's request."""
        wait = min(self.first_s * self.factor ** min(failures - 1, 60), self.longest_s)
        # Jitter keeps many senders from retrying at the same time; it needs no secure randomness.
        wait *= 1 + self.jitter * random.uniform(-1, 1)
        return max(wait, asked_s or 0.0)
