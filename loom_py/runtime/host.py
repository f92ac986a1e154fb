"""The host's kind and abilities."""

from __future__ import annotations

import sys
import time


def in_browser() -> bool:
    """Whether the package runs inside Pyodide: in a page, a worker, or Node."""
    return sys.platform == "emscripten"


def can_run_sync() -> bool:
    """Whether Python may wait for a JavaScript promise now, which needs JSPI and a caller that awaits Python."""
    if not in_browser():
        return False
    from pyodide.ffi import can_run_sync as pyodide_can_run_sync

    return bool(pyodide_can_run_sync())


def clock_ns() -> int:
    """A monotonic clock in nanoseconds, from an arbitrary origin.

    Browsers round it: to 5 µs on cross-origin isolated pages, to 100 µs on others.
    """
    return time.perf_counter_ns()
