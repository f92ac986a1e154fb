"""Delivery in a thread with urllib, for CPython."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Mapping

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
)
from loom_py.observers.delivery.request import post
from loom_py.observers.delivery.retry import Response


class ThreadSender:
    """Runs the delivery in a daemon thread, which is closed at the interpreter's exit."""

    def __init__(
        self, plan: DeliveryPlan, url: str, headers: Mapping[str, str], timeout_s: float, close_s: float
    ) -> None:
        """Start the thread."""
        self._plan = plan
        self._request = url, dict(headers)
        self._timeout_s, self._close_s = timeout_s, close_s
        self._work, self._urgent, self._closing = threading.Event(), threading.Event(), threading.Event()
        self._progress = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="loom_py delivery", daemon=True)
        self._thread.start()
        atexit.register(self._at_exit)

    def wake(self) -> None:
        """Wake an idle thread."""
        self._work.set()

    def flush_soon(self) -> None:
        """End the wait for a whole batch."""
        self._urgent.set()
        self._work.set()

    def flush(self, timeout_s: float) -> None:
        """Send queued records and wait until none is queued or in flight."""
        self.flush_soon()
        with self._progress:
            self._progress.wait_for(lambda: not self._plan.queue.counters().queued, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Wait for the thread to send the queued records; the rest is dropped when the time is over."""
        atexit.unregister(self._at_exit)
        self._plan.deadline = time.monotonic() + timeout_s
        self._closing.set()
        self.flush_soon()
        self._thread.join(timeout_s)
        self._plan.queue.close()

    def _at_exit(self) -> None:
        self.close(self._close_s)

    def _run(self) -> None:
        delivery = deliver(self._plan)
        command = next(delivery, None)
        while command is not None:
            command = next_command(delivery, self._safely(command))
            with self._progress:
                self._progress.notify_all()

    def _safely(self, command: Command) -> Response | None:
        try:
            return self._do(command)
        except Exception as error:
            self._closing.wait(RECOVERY_S)
            return recover(command, error)

    def _do(self, command: Command) -> Response | None:
        match command:
            case Post(body):
                return post(*self._request, body, self._timeout_s)
            case Wait(seconds):
                self._closing.wait(seconds)
            case Gather(seconds):
                self._urgent.wait(seconds)
                self._urgent.clear()
            case Idle():
                self._work.clear()
                if not len(self._plan.queue) and not self._plan.closing:
                    self._work.wait()
        return None
