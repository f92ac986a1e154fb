"""One POST request with urllib, whose every outcome is an `Answer`."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from loom_py.observers.retry import Answer

_ANSWER_BYTES = 64 * 1024


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would follow a redirect of a POST with a GET: the records would be lost behind a status of 200."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def post(url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Answer:
    """Send one request and read the beginning of the answer; no answer is an `Answer` with an error."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            return _read(answer.status, answer.headers, answer, timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error.code, error.headers, error, timeout_s)
    except (OSError, HTTPException, ValueError) as error:
        return Answer(error=f"{type(error).__name__}: {error}")


def _read(status: int, headers: Any, stream: Any, timeout_s: float) -> Answer:
    """The answer with at most 64 KiB of its body, however long and slowly the server talks."""
    until, body = time.monotonic() + timeout_s, b""
    try:
        while len(body) < _ANSWER_BYTES and time.monotonic() < until and (part := stream.read1(4096)):
            body += part
    except (OSError, HTTPException):
        pass  # the status is what counts; it was read
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body)
