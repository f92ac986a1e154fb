"""The delivery of records to a server, as a generator that does no input or output itself.

`deliver` yields what is to be done (`Idle`, `Gather`, `Post`, `Wait`) and is sent what came of it. The drivers do it:
a thread with urllib in CPython, a task with `fetch` in a browser. One request is under way at a time, so the order is
kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from loom_py.observers.delivery.queue import DeliveryQueue
from loom_py.observers.delivery.retry import Backoff, Response
from loom_py.observers.records.rows import Record


@dataclass(frozen=True, slots=True)
class Idle:
    """Wait until there is something to send."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Wait so many seconds for more records, or until there is a whole batch or someone asks to flush."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Post:
    """Send this body; the answer is expected back."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait so many seconds before trying again, or until the observer is closed."""

    seconds: float


Command = Idle | Gather | Post | Wait
Delivery = Generator[Command, Response | None, None]


@dataclass(slots=True)
class DeliveryPlan:
    """How records are delivered."""

    queue: DeliveryQueue
    """Where they wait."""
    encode: Callable[[Sequence[Record]], bytes]
    """Makes the body of a request."""
    accepted: Callable[[Response, Sequence[Record]], bool]
    """Whether an answer of success holds for the records; some protocols refuse parts of a request in it."""
    backoff: Backoff
    """How to wait before trying again."""
    batch: int
    """Records in a request at most."""
    gather_s: float
    """Seconds to wait for a batch to fill."""
    deadline: float | None = None
    """When closing: time (monotonic clock) after which nothing is tried any more."""

    @property
    def closing(self) -> bool:
        """Whether the observer was closed."""
        return self.deadline is not None

    def too_late(self, wait_s: float = 0.0) -> bool:
        """Whether the time for closing will be over after so many seconds."""
        return self.deadline is not None and time.monotonic() + wait_s > self.deadline


def deliver(plan: DeliveryPlan) -> Delivery:
    """Deliver until the observer closes, and then until its queue is empty or its time is over."""
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


def _deliver_batch(
    plan: DeliveryPlan, batch: Sequence[Record], failures: int
) -> Generator[Command, Response | None, int]:
    """Send one batch until it is delivered or given up; gives the number of failures in a row, 0 after a success."""
    try:
        body = plan.encode(batch)
    except (TypeError, ValueError) as error:  # a record that can't be written must not end the delivery
        plan.queue.last_error = f"{type(error).__name__}: {error}"
        plan.queue.settle(len(batch), delivered=False)
        return failures
    for attempt in range(plan.backoff.attempts):
        plan.queue.retries += attempt > 0
        response = (yield Post(body)) or Response(error="no response")
        verdict = response.verdict
        if verdict == "delivered":
            plan.queue.settle(len(batch), delivered=plan.accepted(response, batch))
            return 0
        plan.queue.last_error = response.words
        if verdict == "smaller" and len(batch) > 1:
            half = len(batch) // 2
            failures = yield from _deliver_batch(plan, batch[:half], failures)
            return (yield from _deliver_batch(plan, batch[half:], failures))
        if verdict != "again":
            break
        failures += 1
        wait_s = plan.backoff.wait_s(failures, response.retry_after_s())
        if plan.too_late(wait_s):
            break
        # After the last attempt too: the next batch goes to the same server.
        yield Wait(wait_s)
    plan.queue.settle(len(batch), delivered=False)
    return failures


def unload_beacon(plan: DeliveryPlan, limit: int) -> tuple[bytes, int] | None:
    """One body of at most `limit` bytes with what matters most of the queue, for a page that may be about to go.

    Anomalies come first, then the newest records; inside the body the order is that of time. The records of the body
    are on their way then, the others stay in the queue in case the page lives on.

    Returns:
        The body and its number of records; None if there is nothing to send, or nothing that fits.
    """
    waiting = plan.queue.take(len(plan.queue))
    ranked = sorted(range(len(waiting)), key=lambda i: (getattr(waiting[i], "type", "") == "anomaly", i), reverse=True)
    low, high, body = 0, len(waiting), b""
    while low < high:  # the largest number of records that fits
        middle = (low + high + 1) // 2
        tried = plan.encode([waiting[i] for i in sorted(ranked[:middle])])
        if len(tried) <= limit:
            low, body = middle, tried
        else:
            high = middle - 1
    plan.queue.put_back([waiting[i] for i in sorted(ranked[low:])])
    return (body, low) if low else None


class Sender(Protocol):
    """Carries out a delivery beside the training."""

    def wake(self) -> None:
        """There is something to send."""

    def flush_soon(self) -> None:
        """There is a whole batch to send, or someone wants it sent now."""

    def flush(self, timeout_s: float) -> None:
        """Hurry, and wait until all is sent where waiting is possible, at most so long."""

    def close(self, timeout_s: float) -> None:
        """Send what is left within that time, then stop."""
