"""HTTPObserver: sends records to a server, in batches, during training."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from loom_py import runtime
from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Seconds, Size, Timeout
from loom_py.errors import ConfigError, uncopyable
from loom_py.observers.delivery.delivery import DeliveryPlan, Sender
from loom_py.observers.delivery.queue import QUEUE_BYTES, Counters, DeliveryQueue
from loom_py.observers.delivery.retry import Backoff, Response
from loom_py.observers.delivery.task import TaskSender
from loom_py.observers.delivery.thread import ThreadSender
from loom_py.observers.records.json_values import plain_data
from loom_py.observers.records.rows import Record
from loom_py.strict_json import dumps
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.observer import LoomObserver
from loom_py.telemetry.statistics import measured

FORMAT = "loom_py-telemetry"
VERSION = 1


class HTTPObserver(LoomObserver):
    """POSTs records as JSON, in batches and in order, with retries, without delaying the training.

    Body: `{"format", "version", "run", "dropped", "records"}`; a record is `{"kind": "layer" | "event", …}` with the
    fields of `LayerStats` or `TrainingEvent`. Values that were not measured are left out; NaN and infinities are the
    texts "NaN", "Infinity", "-Infinity". `dropped` counts the dropped records of the run so far.

    In CPython a thread sends with urllib, in a browser a task with `fetch`. After status 429, 502, 503, 504 or no
    response the request is repeated with growing waits; 413 halves the batch; any other error drops it.
    """

    __reduce_ex__ = uncopyable("connections and a thread", "make a new observer")

    @checked
    def __init__(
        self,
        url: str,
        *,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
        output_values: bool = False,
        histograms: bool = False,
        headers: Mapping[str, str] | None = None,
        capacity: Size = 4096,
        capacity_bytes: Size = QUEUE_BYTES,
        batch: Size = 256,
        interval_s: Seconds = 0.5,
        timeout_s: Timeout = 10.0,
        backoff: Backoff | None = None,
        close_s: Seconds = 5.0,
    ) -> None:
        """Create the observer and start its sender.

        Args:
            url: http or https address for the POST requests.
            every: send layers of every N-th run of the network.
            budget: share of the running time that observation may take, such as 0.05; None is no limit.
            layers: send these layer paths only; None is all.
            output_values: send each layer's outputs too.
            histograms: send histograms too.
            headers: headers of each request, such as an authorisation; never shown.
            capacity: largest number of queued records; beyond it the oldest are dropped and counted.
            capacity_bytes: largest size of the queued records in memory, in bytes; beyond it likewise.
            batch: largest number of records in a request.
            interval_s: seconds to wait for a batch to fill.
            timeout_s: longest time in seconds to wait for the server.
            backoff: waiting times between attempts.
            close_s: longest time in seconds that `flush` and `close` wait for queued records.

        Raises:
            ConfigError: an option is out of range, the address is not http or https or has a user and password, or a
                header contains a line break or belongs to the sender, such as Content-Length.
        """
        super().__init__(every=every, budget=budget, layers=layers, output_values=output_values, histograms=histograms)
        self.url = checked_url(url)
        self._run_id = secrets.token_hex(8)
        self._close_s = close_s
        self._batch = batch
        self._queue = DeliveryQueue(capacity, type(self).__name__, capacity_bytes)
        plan = DeliveryPlan(self._queue, self._encode, self._accepted, backoff or Backoff(), batch, interval_s)
        sent = {"Content-Type": "application/json", **checked_headers(headers or {})}
        self._sender: Sender = (
            TaskSender(plan, url, sent, timeout_s)
            if runtime.in_browser()
            else ThreadSender(plan, url, sent, timeout_s, close_s)
        )

    @property
    def counters(self) -> Counters:
        """Counts of the records so far."""
        return self._queue.counters()

    @property
    def memory_bytes(self) -> int:
        """Approximate size of the queued records in bytes."""
        return self._queue.memory_bytes

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Queue the record."""
        self._put(stats)

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Queue the record."""
        self._put(stats)

    def on_training_event(self, event: TrainingEvent) -> None:
        """Queue the event."""
        self._put(event)

    def flush(self) -> None:
        """Send all queued records; outside browsers waits until they are sent, at most `close_s` seconds."""
        self._sender.flush(self._close_s)

    def _release(self) -> None:
        """Send queued records within `close_s` seconds; the rest is dropped and counted."""
        self._sender.close(self._close_s)

    def _put(self, record: Record) -> None:
        waiting = self._queue.put(record)
        if waiting >= self._batch:
            self._sender.flush_soon()
        elif waiting:
            self._sender.wake()

    def _encode(self, records: Sequence[Record]) -> bytes:
        items = [record_object(record) for record in records]
        head = {"format": FORMAT, "version": VERSION, "run": self._run_id, "dropped": self._queue.counters().dropped}
        return dumps({**head, "records": items}).encode()

    def _accepted(self, response: Response, records: Sequence[Record]) -> bool:
        return True


def record_object(record: Record) -> dict[str, Any]:
    """A record as a JSON object without the values that were not measured."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    kind = "layer" if isinstance(record, LayerStats) else "event"
    return {"kind": kind, **{name: plain_data(value) for name, value in values.items() if measured(value)}}


_OWN_HEADERS = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that belong to the connection, which the sender writes itself."""


def checked_url(url: str) -> str:
    """The address if it is an http or https address without user and password; raises ConfigError, without these."""
    shown = repr(re.sub(r"//.*@", "//…@", url))
    do = 'give an address such as "http://localhost:8080/telemetry", other than ASCII percent-encoded'
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for an invalid port
    except ValueError:
        raise ConfigError.expected("url", expected="an http or https address", got=shown, do=do) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[^\x21-\x7e]", url):
        raise ConfigError.expected("url", expected="an http or https address", got=shown, do=do)
    if "@" in parts.netloc:
        do = 'pass headers={"Authorization": …}'
        raise ConfigError.expected("url", expected="an address without user and password", got=shown, do=do)
    return url


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers if names and values are valid (RFC 9110, 5.1 and 5.5); raises ConfigError, without the value."""
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ConfigError.expected("header name", expected="letters, digits and dashes", got=repr(name))
        if name.lower() in _OWN_HEADERS:
            raise ConfigError.expected(
                "header name", expected="one that the sender does not set itself", got=repr(name)
            )
        if re.search(r"[^\t\x20-\x7e\x80-\xff]", value):
            raise ConfigError(f"header {name}: its value must be one line of Latin-1 text without control characters")
    return dict(headers)
