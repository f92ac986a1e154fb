"""Work that goes on beside the caller, on the host's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

_running: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start a coroutine on the running event loop and keep it alive until it ends.

    In Pyodide there is always a running loop, JavaScript's own.

    Raises:
        RuntimeError: there is no running event loop.
    """
    try:
        task = asyncio.get_running_loop().create_task(work)
    except RuntimeError:
        work.close()
        raise
    _running.add(task)  # the loop holds tasks weakly
    task.add_done_callback(_running.discard)
    return task
