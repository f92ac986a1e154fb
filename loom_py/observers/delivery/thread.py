"""Delivery in a thread with urllib, for CPython."""

from __future__ import annotations

import atexit
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from loom_py.observers.delivery.delivery import Command, DeliveryPlan, Gather, Idle, Post, Wait, deliver
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
            try:
                command = delivery.send(self._do(command))
            except StopIteration:
                return
            finally:
                with self._progress:
                    self._progress.notify_all()

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


_ANSWER_BYTES = 64 * 1024


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: urllib follows a redirected POST with a GET, which loses the records despite status 200."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def post(url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
    """Send one request and read the beginning of the response; a failure is a `Response` with an error."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return _read(response.status, response.headers, response, timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error.code, error.headers, error, timeout_s)
    except (OSError, HTTPException, ValueError) as error:
        return Response(error=f"{type(error).__name__}: {error}")


def _read(status: int, headers: Any, stream: Any, timeout_s: float) -> Response:
    """The response with at most 64 KiB of its body, read for at most `timeout_s` seconds."""
    until, body = time.monotonic() + timeout_s, b""
    try:
        while len(body) < _ANSWER_BYTES and time.monotonic() < until and (part := stream.read1(4096)):
            body += part
    except (OSError, HTTPException):
        pass  # the status was read, which is enough
    return Response(status, {name.lower(): value for name, value in headers.items()}, body)
