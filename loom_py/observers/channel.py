"""ChannelObserver: a bounded queue for a consumer in another thread or in the event loop."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Literal

from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Size
from loom_py.errors import ConfigError, StateError, uncopyable
from loom_py.introspect import internal
from loom_py.observers.delivery.queue import QUEUE_BYTES, Counters
from loom_py.observers.records.queue_sink import QueueSink
from loom_py.observers.records.rows import Record
from loom_py.observers.records.size import frame_bytes, record_bytes
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.frame import StatsFrame, records_of
from loom_py.telemetry.observer import LoomObserver

Policy = Literal["drop_oldest", "drop_newest", "block"]
_MOST_UNLIMITED = 1000


class _Frame:
    """A frame in the channel; its records are created when the first of them is taken."""

    def __init__(self, frame: StatsFrame, queued: int) -> None:
        """Hold a frame for this number of records in the queue."""
        self._frame, self._records = frame, list[LayerStats]()
        self.share_bytes = frame_bytes(frame) // max(queued, 1)

    def record(self, place: int) -> LayerStats:
        """One of its records."""
        if not self._records:
            self._records = list(records_of([self._frame]))
        return self._records[place]


class ChannelObserver(LoomObserver):
    """Passes records to a consumer that iterates it, with `for` in another thread or with `async for`.

    By default it carries forward records only, like the history of a recording. After closing, the iteration ends with
    the last queued record. Records go into a `queue.Queue` instead, if one is given.
    """

    __reduce_ex__ = uncopyable("a queue with readers", "make a new observer")

    @checked
    def __init__(
        self,
        capacity: Size | queue.Queue[Any] = 1000,
        policy: Policy = "drop_oldest",
        *,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
        output_values: bool = False,
        histograms: bool = False,
        backward: bool = False,
        events: bool = False,
        capacity_bytes: Size = QUEUE_BYTES,
    ) -> None:
        """Create the observer.

        Args:
            capacity: largest number of queued records; or a `queue.Queue` to put them into, read by its own methods. It
                is not closed with the observer; one without a limit is kept within 1000 records.
            policy: handling of a new record when the channel is full: "drop_oldest" drops the oldest record,
                "drop_newest" the new one; "block" makes the network wait for the consumer, which needs another thread.
            every: carry layers of every N-th run of the network.
            budget: share of the running time that observation may take, such as 0.05; None is no limit.
            layers: carry these layer paths only; None is all.
            output_values: carry a copy of each layer's outputs too.
            histograms: carry histograms too.
            backward: carry records of the backward pass too.
            events: carry training events too.
            capacity_bytes: largest size of the queued records in memory, in bytes; with more the channel is full.

        Raises:
            ConfigError: an option is out of range, or the policy is "block" in a browser.
        """
        super().__init__(every=every, budget=budget, layers=layers, output_values=output_values, histograms=histograms)
        if policy == "block" and _single_threaded():
            raise ConfigError(
                "policy: expected drop_oldest or drop_newest in a browser, which has one Python thread, got block"
            )
        self._sink = None if isinstance(capacity, int) else QueueSink(capacity, _MOST_UNLIMITED)
        self._capacity = capacity if isinstance(capacity, int) else _MOST_UNLIMITED
        self._capacity_bytes, self._policy = capacity_bytes, policy
        self._bytes = 0
        self._backward, self._events = backward, events
        self._queue: deque[Record | tuple[_Frame, int]] = deque()
        self._changed = threading.Condition()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._produced = self._delivered = self._dropped = 0

    @property
    def counters(self) -> Counters:
        """Counts of the records so far; delivered means taken by a consumer."""
        with self._changed:
            if self._sink is None:
                return Counters(self._produced, self._delivered, self._dropped, len(self._queue))
            queued = min(len(self._sink), self._produced - self._dropped)
            return Counters(self._produced, self._produced - self._dropped - queued, self._dropped, queued)

    @property
    def memory_bytes(self) -> int:
        """Approximate size of the queued records in bytes."""
        return self._bytes

    @internal
    def on_frame(self, frame: StatsFrame) -> None:
        """Queue the frame's records, which are created when they are taken."""
        if self._sink is not None:
            super().on_frame(frame)
            return
        places = [n for n, phase in enumerate(frame.schema.phases) if phase == "forward" or self._backward]
        held = _Frame(frame, len(places))
        for place in places:
            self._put((held, place))

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Queue the record."""
        self._put(stats)

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Queue the record if the channel carries backward records."""
        if self._backward:
            self._put(stats)

    def on_training_event(self, event: TrainingEvent) -> None:
        """Queue the event if the channel carries events."""
        if self._events:
            self._put(event)

    def take(self) -> list[LayerStats | TrainingEvent]:
        """Take all queued records, without waiting; raises StateError if they go into a queue of the caller's."""
        self._own_queue()
        with self._changed:
            return [self._pop() for _ in range(len(self._queue))]

    def __iter__(self) -> Iterator[LayerStats | TrainingEvent]:
        """Iterate, waiting for records until the channel is closed.

        Raises:
            StateError: the channel is open and empty, and no other thread can fill it (in a browser); or records go
                into a queue of the caller's.
        """
        self._own_queue()
        while True:
            with self._changed:
                if not self._queue and not self._closed and _single_threaded():
                    raise StateError(
                        "the channel is empty, and in a browser no other thread can fill it; use `async for`"
                    )
                self._changed.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    return
                record = self._pop()
            yield record

    async def __aiter__(self) -> AsyncIterator[LayerStats | TrainingEvent]:
        """Iterate in an event loop, waiting for records until the channel is closed; raises as iteration does."""
        self._own_queue()
        while True:
            arrived = asyncio.Event()
            waiter = asyncio.get_running_loop(), arrived
            with self._changed:
                record = self._pop() if self._queue else None
                if record is None:
                    if self._closed:
                        return
                    self._waiters.append(waiter)
            if record is not None:
                yield record
                continue
            try:
                await arrived.wait()
            finally:
                with self._changed:
                    if waiter in self._waiters:
                        self._waiters.remove(waiter)

    def _release(self) -> None:
        with self._changed:
            self._wake()

    def _pop(self) -> Record:
        self._delivered += 1
        self._changed.notify_all()
        item = self._remove()
        return item[0].record(item[1]) if isinstance(item, tuple) else item

    def _remove(self) -> Record | tuple[_Frame, int]:
        item = self._queue.popleft()
        self._bytes -= _bytes_of(item)
        return item

    def _is_full_for(self, size: int) -> bool:
        """Whether a record of this size in bytes does not fit; an empty channel takes any."""
        queued = len(self._queue)
        return queued >= self._capacity or (queued > 0 and self._bytes + size > self._capacity_bytes)

    def _own_queue(self) -> None:
        if self._sink is not None:
            raise StateError("the records go into the queue that was given to the channel; do: read that queue")

    def _put_into(self, sink: QueueSink, record: Record) -> None:
        dropped = 0
        if self._closed:
            dropped = 1
        elif self._policy == "drop_oldest":
            dropped = sink.put_or_drop_oldest(record)
        elif self._policy == "drop_newest":
            dropped = not sink.put_or_refuse(record)
        else:
            dropped = not sink.put_or_wait(record, lambda: self._closed)
        with self._changed:
            self._produced += 1
            self._dropped += dropped

    def _put(self, record: Record | tuple[_Frame, int]) -> None:
        if self._sink is not None and not isinstance(record, tuple):
            self._put_into(self._sink, record)
            return
        size = _bytes_of(record)
        with self._changed:
            self._produced += 1
            if self._policy == "block":
                self._changed.wait_for(lambda: not self._is_full_for(size) or self._closed)
            if self._closed or (self._policy == "drop_newest" and self._is_full_for(size)):
                self._dropped += 1
                return
            while self._is_full_for(size):
                self._remove()
                self._dropped += 1
            self._queue.append(record)
            self._bytes += size
            self._wake()

    def _wake(self) -> None:
        self._changed.notify_all()
        waiters, self._waiters = self._waiters, []
        for loop, arrived in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrived.set)


def _bytes_of(item: Record | tuple[_Frame, int]) -> int:
    return item[0].share_bytes if isinstance(item, tuple) else record_bytes(item)


def _single_threaded() -> bool:
    return sys.platform == "emscripten"
