"""OTLPObserver: sends metrics to any OpenTelemetry Collector (OTLP/HTTP, JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Seconds, Size, Timeout
from loom_py.errors import ConfigError
from loom_py.observers.delivery.queue import QUEUE_BYTES
from loom_py.observers.delivery.retry import Backoff, Response, one_line
from loom_py.observers.formats.otlp import count_points, metrics_data
from loom_py.observers.http import HTTPObserver
from loom_py.observers.records.rows import Record
from loom_py.strict_json import dumps


class OTLPObserver(HTTPObserver):
    """Sends layer statistics and training events as OTLP gauges named `loom.layer.…` and `loom.training.…`.

    Records are delivered as by `HTTPObserver`. A partial success is not repeated: data points refused by the server are
    counted in `rejected_points`; if all points of a request were refused, its records count as dropped.
    """

    @checked
    def __init__(
        self,
        url: str = "http://localhost:4318/v1/metrics",
        *,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        resource: Mapping[str, str] | None = None,
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
            url: address of the Collector for metrics.
            every: send layers of every N-th run of the network.
            budget: share of the running time that observation may take, such as 0.05; None is no limit.
            layers: send these layer paths only; None is all.
            headers: headers of each request, such as an authorisation; never shown.
            resource: resource attributes, such as `{"service.name": "digits"}`.
            capacity: largest number of queued records; beyond it the oldest are dropped and counted.
            capacity_bytes: largest size of the queued records in memory, in bytes; beyond it likewise.
            batch: largest number of records in a request.
            interval_s: seconds to wait for a batch to fill.
            timeout_s: longest time in seconds to wait for the server.
            backoff: waiting times between attempts.
            close_s: longest time in seconds that `flush` and `close` wait for queued records.

        Raises:
            ConfigError: as `HTTPObserver`, or a resource attribute is no text.
        """
        self._resource = _checked_resource(resource or {})
        super().__init__(
            url,
            every=every,
            budget=budget,
            layers=layers,
            headers=headers,
            capacity=capacity,
            capacity_bytes=capacity_bytes,
            batch=batch,
            interval_s=interval_s,
            timeout_s=timeout_s,
            backoff=backoff,
            close_s=close_s,
        )

    def _encode(self, records: Sequence[Record]) -> bytes:
        return dumps(metrics_data(records, self._resource)).encode()

    def _accepted(self, response: Response, records: Sequence[Record]) -> bool:
        rejected, words = _partial_success(response.body)
        if rejected:
            self._queue.rejected_points += rejected
            self._queue.last_error = f"{rejected} data points refused: {words}"
        return not rejected or rejected < count_points(metrics_data(records, self._resource))


def _checked_resource(resource: Mapping[str, str]) -> dict[str, str]:
    """The attributes if JSON can carry them; raises ConfigError."""
    try:
        dumps(dict(resource)).encode()
    except UnicodeEncodeError:
        raise ConfigError("resource: expected texts of whole characters, got a lone surrogate") from None
    return dict(resource)


def _partial_success(body: bytes) -> tuple[int, str]:
    """Refused data points and the message of an ExportMetricsServiceResponse; (0, "") if all were accepted."""
    try:
        partial = json.loads(body)["partialSuccess"]
        return _count(partial.get("rejectedDataPoints", 0)), one_line(str(partial.get("errorMessage", "")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 0, ""


def _count(value: object) -> int:
    """A count in proto3 JSON: a whole number of 64 bits, or its text; 0 for anything else."""
    if isinstance(value, float) and not value.is_integer():
        return 0
    number = int(value) if isinstance(value, int | float | str) else 0
    return number if 0 < number < 2**63 else 0
