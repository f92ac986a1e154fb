"""Serving a session over messages: requests in, responses and pushes out, long calls in slices."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from loom_py import runtime
from loom_py.errors import ConfigError, DataError, StateError
from loom_py.session.failures import describe_error
from loom_py.session.jobs import Job
from loom_py.session.package import open_session
from loom_py.session.requests import check_request, number_of
from loom_py.session.run_queue import RunQueue
from loom_py.session.session import Session
from loom_py.session.streams import Streams
from loom_py.session.surface import OBSERVE

Request = Mapping[str, Any]
log = logging.getLogger("loom_py")


class Server:
    """Answers the messages of one page; every call gets exactly one response."""

    def __init__(self, session: Session, send: Callable[[Mapping[str, Any]], None], *, nested: bool = False) -> None:
        """Serve a session.

        Args:
            session: the session to serve.
            send: posts a message and takes ownership of its arrays.
            nested: answer a call that arrives during another one first, since that one made it.
        """
        self._session = session
        self._queue = RunQueue(nested=nested)
        self._send = send
        self._jobs: dict[int, tuple[int, Job]] = {}
        self._streams = Streams(session)

    def receive(self, message: object) -> None:
        """Handle one message; errors become responses or, where nothing waits for one, log entries."""
        try:
            request = check_request(message)
        except DataError as error:
            self.refuse(message, error)
            return
        if request["kind"] == "call":
            self._queue.submit(partial(self._answer, request))
        else:
            _logged(partial(_SIGNALS[request["kind"]], self, request))

    def refuse(self, message: object, error: Exception) -> None:
        """Answer a call that can't be read with the error; log any other message."""
        number = number_of(message)
        if number is None:
            log.warning("a message was ignored: %s", error)
        else:
            self._fail(number, error)

    def _answer(self, message: Request) -> None:
        try:
            target, method = message["target"], message.get("method")
            if not isinstance(method, str):
                raise DataError.expected("call message, method", expected="a name", got=repr(method)[:40])
            args, options = message.get("args") or [], message.get("options") or {}
            if method in _OWN:
                value = self._own(message, method, args, options)
            elif self._session.is_long(target, method):
                self._start(message, target, method, args, options)
                return
            else:
                value = self._session.call(target, method, args, options)
                self._flush_at_rest(target)
            self._send({"kind": "response", "id": message["id"], "ok": True, "value": value})
        except Exception as error:
            self._fail(message["id"], error)

    def _own(self, message: Request, method: str, args: list[Any], options: dict[str, Any]) -> Any:
        """Call a method of the bridge itself."""
        function = _OWN[method]
        try:
            inspect.signature(function).bind(self, message, *args, **options)
        except TypeError as error:
            raise ConfigError(f"{method}: {error}") from None
        return function(self, message, *args, **options)

    def _fail(self, number: int, error: BaseException) -> None:
        self._send({"kind": "response", "id": number, "ok": False, "error": describe_error(error)})

    # ---- long calls ----

    def _start(self, message: Request, target: int, method: str, args: list[Any], options: dict[str, Any]) -> None:
        if any(busy == target for busy, _ in self._jobs.values()):
            raise StateError.expected(
                f"{method} on object {target}",
                expected="no other long call on it",
                got="one in progress",
                do="await or abort it first",
            )
        number = message["id"]
        run = self._session.start(target, method, args, options)
        on_events = partial(self._push_events, number, target) if message.get("events") else None
        job = Job(
            run, on_events, on_rest=partial(self._streams.flush, target), steps=message.get("steps"), queue=self._queue
        )
        self._jobs[number] = target, job
        runtime.spawn(self._finish(number, job))

    async def _finish(self, number: int, job: Job) -> None:
        try:
            result = await job.drive()
            value = await self._queue.run(partial(self._session.encode, result))
            self._jobs.pop(number, None)
            self._send({"kind": "response", "id": number, "ok": True, "value": value})
        except Exception as error:
            self._jobs.pop(number, None)
            self._fail(number, error)

    def _push_events(self, number: int, target: int, events: list[Any]) -> None:
        self._push(number, target, [self._session.encode(event) for event in events])

    def _push(self, number: int, target: int, messages: list[Any], *, last: bool = False) -> None:
        self._send({"kind": "push", "id": number, "target": target, "messages": messages, "last": last})

    def _abort(self, message: Request) -> None:
        number = message["id"]
        if number in self._jobs:
            self._jobs[number][1].cancel()
        else:  # the call itself may still be queued
            self._queue.submit(partial(_logged, partial(self._end, number)))

    def _end(self, number: int) -> None:
        if number in self._jobs:
            self._jobs[number][1].cancel()
        else:
            self._streams.close(number)

    def _control(self, message: Request) -> None:
        if message["id"] in self._jobs:
            self._control_job(message)
        else:
            self._queue.submit(partial(_logged, partial(self._control_job, message)))

    def _control_job(self, message: Request) -> None:
        if message["id"] not in self._jobs:
            return  # it ended while the message was in transit
        job = self._jobs[message["id"]][1]
        if message["action"] == "pause":
            job.pause()
        elif message["action"] == "resume":
            job.resume()
        elif message["action"] == "step":
            job.step(message.get("steps") or 1)

    def _hide(self, message: Request) -> None:
        self._streams.flush()
        runtime.hidden()

    def _flush_at_rest(self, target: int) -> None:
        """Push the measurements of a single call; a run in progress pushes them with its next message."""
        if all(job.resting for busy, job in self._jobs.values() if busy == target):
            self._streams.flush(target)

    def _observe(self, message: Request, **options: Any) -> None:
        """Start pushing observation messages of a network under the id of this call."""
        number, target = message["id"], message["target"]
        self._streams.open(number, target, partial(self._push, number, target), options)

    # ---- objects ----

    def _dispose(self, message: Request) -> None:
        """Dispose an object, its long calls and its streams."""
        target = message["target"]
        for job_target, job in tuple(self._jobs.values()):
            if job_target == target:
                job.cancel()
        self._streams.close_all_of(target)
        self._session.dispose(target)

    def _release(self, message: Request, received: object) -> None:
        """Dispose an object that the page garbage-collected, unless references are still in transit."""
        if self._session.handles.release(message["target"], received):
            self._dispose(message)

    def _alive(self, message: Request) -> int:
        """Number of objects held by handle."""
        return self._session.alive


# Methods of the bridge itself; "$" distinguishes them from Python names.
_OWN: dict[str, Callable[..., Any]] = {
    OBSERVE: Server._observe,
    "$dispose": Server._dispose,
    "$release": Server._release,
    "$alive": Server._alive,
}


# Messages without an answer.
_SIGNALS: dict[str, Callable[[Server, Request], None]] = {
    "abort": Server._abort,
    "steer": Server._control,
    "hide": Server._hide,
}


def _logged(work: Callable[[], None]) -> None:
    """Do work whose error nothing waits for."""
    try:
        work()
    except Exception:
        log.exception("a message of the page failed")


def serve(post: Any) -> Callable[[Any], None]:
    """Start a session of this package over JavaScript's `post(message, transfer)`.

    Posts the "ready" message and returns the function to call with each message of the page.
    """
    return _serve(open_session(), post, nested=False)


def serve_direct(post: Any) -> Callable[[Any], None]:
    """As `serve`, for JavaScript in the same thread: the response is posted before the request's call returns."""
    return _serve(open_session(in_steps=False), post, nested=True)


def _serve(session: Session, post: Any, *, nested: bool) -> Callable[[Any], None]:
    send = runtime.sender(post)
    server = Server(session, send, nested=nested)
    send({"kind": "ready", "surface": session.surface.table()})
    return runtime.receiver(server.receive, server.refuse)
