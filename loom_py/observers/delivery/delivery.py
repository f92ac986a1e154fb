"""Delivery of records to a server, as a generator without input or output of its own.

`deliver` yields commands (`Idle`, `Gather`, `Post`, `Wait`) and receives their results. The senders execute them: a
thread with urllib in CPython, a task with `fetch` in a browser. Only one request is in flight at a time, so records
stay in order.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from loom_py.observers.delivery.queue import DeliveryQueue
from loom_py.observers.delivery.retry import Backoff, Response, one_line
from loom_py.observers.records.rows import Record

log = logging.getLogger("loom_py")
RECOVERY_S = 1.0
"""Pause of a sender after an unexpected error, so that a repeated one costs little."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Wait until there is something to send."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Wait for more records, until there is a whole batch, a flush is requested or the time is over."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Post:
    """Send this body; the result is the response."""

    body: bytes
    keepalive: bool = False
    """Whether the request may outlive its page."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait before the next attempt, until the observer is closed or the time is over."""

    seconds: float


Command = Idle | Gather | Post | Wait
Batch = Sequence[Record]
Delivery = Generator[Command, Response | None, None]


@dataclass(slots=True)
class DeliveryPlan:
    """Queue, encoding and limits of a delivery."""

    queue: DeliveryQueue
    """Queue of the records."""
    encode: Callable[[Batch], bytes]
    """Encodes records as the body of a request."""
    accepted: Callable[[Response, Batch], bool]
    """Whether a successful response accepts the records; some protocols refuse parts of a request in it."""
    backoff: Backoff
    """Waiting times between attempts."""
    batch: int
    """Largest number of records in a request."""
    gather_s: float
    """Seconds to wait for a batch to fill."""
    deadline: float | None = None
    """After closing: time (monotonic clock) after which no request is sent."""

    @property
    def closing(self) -> bool:
        """Whether the observer was closed."""
        return self.deadline is not None

    def too_late(self, wait_s: float = 0.0) -> bool:
        """Whether the deadline of closing is less than `wait_s` seconds away."""
        return self.deadline is not None and time.monotonic() + wait_s > self.deadline


def deliver(plan: DeliveryPlan) -> Delivery:
    """Deliver until the observer is closed, then until the queue is empty or the deadline is reached."""
    failures = 0
    while not plan.too_late():
        waiting = len(plan.queue)
        if not waiting and plan.closing:
            return
        if not waiting:
            yield Idle()
            continue
        if waiting < plan.batch and not plan.closing:
            yield Gather(plan.gather_s)
        if batch := plan.queue.take(plan.batch):
            failures = yield from _deliver_batch(plan, batch, failures)


def next_command(delivery: Delivery, result: Response | None) -> Command | None:
    """The command after the result of the last one; None at the end of the delivery."""
    try:
        return delivery.send(result)
    except StopIteration:
        return None


def recover(command: Command, error: Exception) -> Response | None:
    """The result of a command that failed unexpectedly, so that the delivery goes on."""
    log.error("delivery of records: unexpected error, the delivery goes on", exc_info=error)
    return Response(error=_text_of(error)) if isinstance(command, Post) else None


Attempts = Generator[Command, Response | None, int]
"""Commands that send a batch; returns the number of failures in a row, 0 after a success."""


def _deliver_batch(plan: DeliveryPlan, batch: Batch, failures: int) -> Attempts:
    """Send one batch until it is delivered or dropped, whatever a record or an answer causes."""
    try:
        return (yield from _encode_and_send(plan, batch, failures))
    except Exception as error:
        log.error("delivery of records: unexpected error, a batch is dropped", exc_info=error)
        _drop(plan, batch, _text_of(error))
        return failures


def _encode_and_send(plan: DeliveryPlan, batch: Batch, failures: int) -> Attempts:
    try:
        body = plan.encode(batch)
    except Exception as error:
        if len(batch) > 1:  # only the record that can't be encoded is dropped
            return (yield from _deliver_halves(plan, batch, failures))
        _drop(plan, batch, _text_of(error))
        return failures
    return (yield from _send(plan, batch, body, failures))


def _deliver_halves(plan: DeliveryPlan, batch: Batch, failures: int) -> Attempts:
    half = len(batch) // 2
    failures = yield from _deliver_batch(plan, batch[:half], failures)
    return (yield from _deliver_batch(plan, batch[half:], failures))


def _send(plan: DeliveryPlan, batch: Batch, body: bytes, failures: int) -> Attempts:
    for attempt in range(plan.backoff.attempts):
        plan.queue.retries += attempt > 0
        response = (yield Post(body)) or Response(error="no response")
        verdict = response.verdict
        if verdict == "delivered":
            plan.queue.settle(len(batch), delivered=plan.accepted(response, batch))
            return 0
        plan.queue.last_error = response.words
        if verdict == "smaller" and len(batch) > 1:
            return (yield from _deliver_halves(plan, batch, failures))
        if verdict != "again":
            break
        failures += 1
        wait_s = plan.backoff.wait_s(failures, response.retry_after_s())
        if plan.too_late(wait_s):
            break
        # After the last attempt too, since the next batch goes to the same server.
        yield Wait(wait_s)
    plan.queue.settle(len(batch), delivered=False)
    return failures


def _drop(plan: DeliveryPlan, batch: Batch, why: str) -> None:
    plan.queue.last_error = why
    plan.queue.settle(len(batch), delivered=False)


def _text_of(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def unload_beacon(plan: DeliveryPlan, limit: int) -> tuple[bytes, int] | None:
    """One body of at most `limit` bytes with the most important queued records, for a page that may be closing.

    Anomalies are preferred, then the newest records; the body has them in order of time. Its records count as in
    flight; the others stay in the queue, in case the page stays open.

    Returns:
        The body and its number of records; None if the queue is empty or no record fits.
    """
    waiting = plan.queue.take(len(plan.queue))
    ranked = sorted(range(len(waiting)), key=lambda i: (getattr(waiting[i], "type", "") == "anomaly", i), reverse=True)
    low, high, body = 0, len(waiting), b""
    while low < high:  # the largest number of records that fits
        middle = (low + high + 1) // 2
        tried = _encoded(plan, [waiting[i] for i in sorted(ranked[:middle])])
        if tried is not None and len(tried) <= limit:
            low, body = middle, tried
        else:
            high = middle - 1
    plan.queue.put_back([waiting[i] for i in sorted(ranked[low:])])
    return (body, low) if low else None


def _encoded(plan: DeliveryPlan, batch: Batch) -> bytes | None:
    """The body of a request; None if a record can't be encoded, which the delivery itself reports."""
    try:
        return plan.encode(batch)
    except Exception:
        return None


class Sender(Protocol):
    """Executes a delivery concurrently with the training."""

    def wake(self) -> None:
        """Check the queue: there is a record to send."""

    def flush_soon(self) -> None:
        """Send queued records without waiting for a whole batch."""

    def flush(self, timeout_s: float) -> None:
        """Send queued records; where waiting is possible, wait until they are sent, at most `timeout_s` seconds."""

    def close(self, timeout_s: float) -> None:
        """Send queued records within `timeout_s` seconds, then stop."""
