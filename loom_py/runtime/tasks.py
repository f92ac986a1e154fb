"""Concurrent work on the host's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from loom_py.runtime.host import in_browser

P = ParamSpec("P")
T = TypeVar("T")
_running: set[asyncio.Task[Any]] = set()
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def spawn(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start a coroutine on the running event loop and keep it alive until it ends.

    In Pyodide JavaScript's own loop is always running.

    Raises:
        RuntimeError: there is no running event loop.
    """
    try:
        task = asyncio.get_running_loop().create_task(work)
    except RuntimeError:
        work.close()
        raise
    _running.add(task)  # the loop holds only weak references to tasks
    task.add_done_callback(_running.discard)
    return task


async def awaited(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Result of a call, for callers that await it: `await loom.awaited(net.forward_gpu, x)`.

    In a page the call runs in a task of its own, where Python may wait for the GPU even if the caller was called by
    plain JavaScript, such as a click handler; elsewhere in a thread, so that the event loop continues. Calls run one at
    a time.

    Args:
        function: the function to call, such as a method of a network.
        args, kwargs: its arguments.

    Raises:
        Exception: whatever the call raises.
    """
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        if not in_browser():
            return await asyncio.to_thread(function, *args, **kwargs)
        task: asyncio.Task[T] = spawn(_called(partial(function, *args, **kwargs)))
        return await task


async def _called(call: Callable[[], T]) -> T:
    return call()
