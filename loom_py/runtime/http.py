"""HTTP requests through JavaScript's `fetch`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loom_py.errors import UnavailableError
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
) -> Response:
    """Send one request and read the whole response, whatever its status.

    Args:
        url: address of the server.
        method: HTTP method.
        headers: request headers.
        body: bytes to send.
        keepalive: let the request outlive the page; browsers allow 64 KiB of such bodies in flight.
        timeout_s: seconds until the request is aborted.

    Raises:
        UnavailableError: this is not a JavaScript host.
        OSError: no response: no network, blocked by the browser (CORS), or timed out.
    """
    if not in_browser():
        raise UnavailableError("fetch needs JavaScript: use urllib in plain CPython")
    options = {"method": method, "headers": dict(headers or {}), "keepalive": keepalive, "redirect": "error"}
    settings = ffi.to_js(options, dict_converter=js.Object.fromEntries, create_pyproxies=False)
    if body is not None:
        settings.body = ffi.to_js(body)
    if timeout_s is not None:
        settings.signal = js.AbortSignal.timeout(round(timeout_s * 1000))
    try:
        answer = await js.fetch(url, settings)
        content = await answer.arrayBuffer()
    except ffi.JsException as error:
        raise OSError(f"{method} {url}: {error}") from error
    return Response(int(answer.status), dict(answer.headers.entries()), bytes(content.to_bytes()))
