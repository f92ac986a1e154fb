"""Observers: what watches a network while it runs."""

from loom_py.observers.base import LoomObserver
from loom_py.observers.canvas import CanvasObserver
from loom_py.observers.console import ConsoleObserver
from loom_py.observers.recording import RecordingObserver
from loom_py.observers.tensorboard import TensorBoardObserver

__all__ = [
    "CanvasObserver",
    "ConsoleObserver",
    "LoomObserver",
    "RecordingObserver",
    "TensorBoardObserver",
]
