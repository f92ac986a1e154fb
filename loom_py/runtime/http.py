"""HTTP requests through JavaScript's `fetch`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from loom_py.errors import UnavailableError
from loom_py.runtime.convert import JsValue, is_null
from loom_py.runtime.host import in_browser

if in_browser():
    import js
    from pyodide import ffi


@dataclass(frozen=True, slots=True)
class Response:
    """A server's response."""

    status: int
    """HTTP status code."""
    headers: Mapping[str, str]
    """Headers that the page may read, names in lower case."""
    body: bytes
    """The response's body."""


async def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    keepalive: bool = False,
    timeout_s: float | None = None,
    most_bytes: int = 2**31,
) -> Response:
    """Send one request and read the response, whatever its status; a redirect, not followed, may have status 0.

    Args:
        url: address of the server.
        method: HTTP method.
        headers: request headers.
        body: bytes to send.
        keepalive: let the request outlive the page; browsers allow 64 KiB of such bodies in flight.
        timeout_s: seconds until the request is aborted.
        most_bytes: bytes to read of the body; the rest is cancelled.

    Raises:
        UnavailableError: this is not a JavaScript host.
        OSError: no response: no network, blocked by the browser (CORS), or timed out.
    """
    if not in_browser():
        raise UnavailableError("fetch needs JavaScript: use urllib in plain CPython")
    options = {"method": method, "headers": dict(headers or {}), "keepalive": keepalive, "redirect": "manual"}
    settings = ffi.to_js(options, dict_converter=js.Object.fromEntries, create_pyproxies=False)
    if body is not None:
        settings.body = ffi.to_js(body)
    if timeout_s is not None:
        settings.signal = js.AbortSignal.timeout(round(timeout_s * 1000))
    try:
        answer = await js.fetch(url, settings)
    except ffi.JsException as error:
        raise OSError(f"{method} {url}: {error}") from error
    content = b"" if is_null(answer.body) else await _beginning(answer.body.getReader(), most_bytes)
    return Response(int(answer.status), dict(answer.headers.entries()), content)


async def _beginning(reader: JsValue, most_bytes: int) -> bytes:
    """The beginning of a stream; what came before an error, since the status was read, which is enough."""
    body = bytearray()
    try:
        while len(body) < most_bytes and not (part := await reader.read()).done:
            body += part.value.subarray(0, most_bytes - len(body)).to_bytes()
    except ffi.JsException:
        pass
    with suppress(ffi.JsException):
        await reader.cancel()
    return bytes(body)
