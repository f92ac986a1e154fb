"""Errors as plain data: class, code and message."""

from __future__ import annotations

import traceback

from loom_py.errors import LoomError


def describe_error(error: BaseException) -> dict[str, str]:
    """`{name, code, message}` of an error, with the traceback if it was not raised on purpose."""
    name = type(error).__name__
    if isinstance(error, LoomError):
        return {"name": name, "code": error.code, "message": str(error)}
    if isinstance(error, MemoryError):
        advice = "out of memory: use smaller batches, fewer samples or a smaller network"
        return {"name": name, "code": "out_of_memory", "message": str(error) or advice}
    lines = traceback.format_exception(error)
    return {"name": name, "code": "python", "message": str(error) or name, "traceback": "".join(lines)}
