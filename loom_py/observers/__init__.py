"""Observers: what watches a network while it runs."""

from loom_py.observers.base import LoomObserver
from loom_py.observers.canvas import CanvasObserver
from loom_py.observers.channel import ChannelObserver
from loom_py.observers.compare import RecordingComparison, compare
from loom_py.observers.console import ConsoleObserver
from loom_py.observers.http import HTTPObserver
from loom_py.observers.otlp import OTLPObserver
from loom_py.observers.queue import Counters
from loom_py.observers.recording import RecordingObserver
from loom_py.observers.retry import Backoff
from loom_py.observers.tensorboard import TensorBoardObserver

__all__ = [
    "Backoff",
    "CanvasObserver",
    "ChannelObserver",
    "ConsoleObserver",
    "Counters",
    "HTTPObserver",
    "LoomObserver",
    "OTLPObserver",
    "RecordingComparison",
    "RecordingObserver",
    "TensorBoardObserver",
    "compare",
]
