"""Delivery in a task of the event loop with `fetch`, for browsers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

from loom_py import runtime
from loom_py.observers.delivery.delivery import (
    RECOVERY_S,
    Command,
    DeliveryPlan,
    Gather,
    Idle,
    Post,
    Wait,
    deliver,
    next_command,
    recover,
    unload_beacon,
)
from loom_py.observers.delivery.retry import MOST_BODY_BYTES, Response

KEEPALIVE_BYTES = 60 * 1024
"""Largest body of the last request; browsers allow 64 KiB for requests that outlive their page, headers included."""


class TaskSender:
    """Runs the delivery as a task of the event loop; when the page is hidden, it sends a request that outlives it."""

    def __init__(self, plan: DeliveryPlan, url: str, headers: Mapping[str, str], timeout_s: float) -> None:
        """Start the task."""
        self._plan = plan
        self._request = url, dict(headers)
        self._timeout_s = timeout_s
        self._work, self._urgent, self._closing = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._forget_hide = runtime.on_hide(self._on_hide)
        runtime.spawn(self._run())

    def wake(self) -> None:
        """Wake an idle task."""
        self._work.set()

    def flush_soon(self) -> None:
        """End the wait for a whole batch."""
        self._urgent.set()
        self._work.set()

    def flush(self, timeout_s: float) -> None:
        """End the wait for a whole batch. Python can't block in a browser: the task sends once Python yields."""
        self.flush_soon()

    def close(self, timeout_s: float) -> None:
        """Send queued records, and drop the rest when the time is over."""
        self._forget_hide()
        self._plan.deadline = time.monotonic() + timeout_s
        self._closing.set()
        self.flush_soon()

    async def _run(self) -> None:
        delivery = deliver(self._plan)
        command = next(delivery, None)
        while command is not None:
            command = next_command(delivery, await self._safely(command))
        self._plan.queue.close()

    async def _safely(self, command: Command) -> Response | None:
        try:
            return await self._do(command)
        except Exception as error:
            await _until(self._closing, RECOVERY_S)
            return recover(command, error)

    async def _do(self, command: Command) -> Response | None:
        match command:
            case Post(body, keepalive):
                return await self._fetch(body, keepalive=keepalive)
            case Wait(seconds):
                await _until(self._closing, seconds)
            case Gather(seconds):
                await _until(self._urgent, seconds)
                self._urgent.clear()
            case Idle():
                self._work.clear()
                if not len(self._plan.queue) and not self._plan.closing:
                    await self._work.wait()
        return None

    async def _fetch(self, body: bytes, *, keepalive: bool) -> Response:
        url, headers = self._request
        left = self._timeout_s
        if self._plan.deadline is not None:
            left = min(left, max(self._plan.deadline - time.monotonic(), 0.001))
        try:
            response = await runtime.fetch(
                url,
                method="POST",
                headers=headers,
                body=body,
                keepalive=keepalive,
                timeout_s=left,
                most_bytes=MOST_BODY_BYTES,
            )
        except OSError as error:
            return Response(error=f"{type(error).__name__}: {error}")
        return Response(response.status, response.headers, response.body)

    def _on_hide(self) -> None:
        last = unload_beacon(self._plan, KEEPALIVE_BYTES)
        if last is not None:
            runtime.spawn(self._send_last(*last))

    async def _send_last(self, body: bytes, count: int) -> None:
        response = await self._safely(Post(body, keepalive=True)) or Response(error="no response")
        self._plan.queue.settle(count, delivered=response.verdict == "delivered", why=response.words)


async def _until(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
