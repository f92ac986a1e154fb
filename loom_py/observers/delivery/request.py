"""One POST request with urllib, bounded in bytes and in time whatever the server sends."""

from __future__ import annotations

import io
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any

from loom_py.observers.delivery.retry import MOST_BODY_BYTES, Response

_PART_BYTES = 64 * 1024


def post(url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
    """Send one request and read the beginning of the response; any failure is a `Response` with an error."""
    try:
        request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
        try:
            with _opener().open(request, timeout=timeout_s) as response:
                return Response(response.status, _headers(response), _beginning(response))
        except urllib.error.HTTPError as error:
            with error:
                return Response(error.code, _headers(error), _beginning(error))
    except Exception as error:  # of sockets, TLS, proxies and http.client, which has some of its own
        return Response(error=f"{type(error).__name__}: {error}")


def _headers(response: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _beginning(stream: Any) -> bytes:
    """The beginning of a body; what came before an error, since the status was read, which is enough."""
    body = bytearray()
    try:
        while len(body) < MOST_BODY_BYTES and (part := stream.read1(_PART_BYTES)):
            body += part
    except Exception:
        pass
    return bytes(body[:MOST_BODY_BYTES])


def _opener() -> urllib.request.OpenerDirector:
    """An opener with the proxies of the environment."""
    handlers = ("HTTPHandler", "HTTPSHandler")  # the latter is missing where Python has no TLS
    return urllib.request.build_opener(
        _NoRedirects, *(_bounded(getattr(urllib.request, name)) for name in handlers if hasattr(urllib.request, name))
    )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: urllib follows a redirected POST with a GET, which loses the records despite status 200."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _bounded(handler: type[urllib.request.AbstractHTTPHandler]) -> type[urllib.request.AbstractHTTPHandler]:
    """A handler whose responses end at a deadline."""

    class Bounded(handler):  # type: ignore[misc, valid-type]
        def do_open(self, http_class: Any, *args: Any, **kwargs: Any) -> Any:
            def connection(*where: Any, **options: Any) -> Any:
                made = http_class(*where, **options)
                made.response_class = _BoundedResponse
                return made

            return super().do_open(connection, *args, **kwargs)

    return Bounded


class _BoundedResponse(HTTPResponse):
    """A response that has to be complete within the timeout of its socket."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_UntilDeadline(sock))


class _UntilDeadline(io.RawIOBase):
    """Bytes of a socket until its timeout has passed in all; the socket's own starts again at every byte."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._until = time.monotonic() + (sock.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the response did not end in time (timeout_s)")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
