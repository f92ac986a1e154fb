"""Observers of a running network: console, recording, dashboards and telemetry sinks."""

from typing import TYPE_CHECKING

from loom_py.lazy import lazily

if TYPE_CHECKING:
    from loom_py.observers.canvas import CanvasObserver
    from loom_py.observers.channel import ChannelObserver
    from loom_py.observers.console import ConsoleObserver
    from loom_py.observers.delivery.queue import Counters
    from loom_py.observers.delivery.retry import Backoff
    from loom_py.observers.http import HTTPObserver
    from loom_py.observers.otlp import OTLPObserver
    from loom_py.observers.recording import RecordingObserver
    from loom_py.observers.records.compare import RecordingComparison, compare
    from loom_py.observers.tensorboard import TensorBoardObserver
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "canvas": "CanvasObserver",
            "channel": "ChannelObserver",
            "records.compare": "RecordingComparison compare",
            "console": "ConsoleObserver",
            "http": "HTTPObserver",
            "otlp": "OTLPObserver",
            "delivery.queue": "Counters",
            "recording": "RecordingObserver",
            "delivery.retry": "Backoff",
            "tensorboard": "TensorBoardObserver",
        },
    )

__all__ = [
    "Backoff",
    "CanvasObserver",
    "ChannelObserver",
    "ConsoleObserver",
    "Counters",
    "HTTPObserver",
    "OTLPObserver",
    "RecordingComparison",
    "RecordingObserver",
    "TensorBoardObserver",
    "compare",
]
