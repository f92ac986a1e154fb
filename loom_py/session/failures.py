"""Errors as the border carries them: class, code and words."""

from __future__ import annotations

import traceback

from loom_py.errors import LoomError


def describe_error(error: BaseException) -> dict[str, str]:
    """`{name, code, message}` of an error; one that was not raised on purpose brings its traceback too."""
    name = type(error).__name__
    if isinstance(error, LoomError):
        return {"name": name, "code": error.code, "message": str(error)}
    if isinstance(error, MemoryError):
        words = "out of memory: use smaller batches, fewer samples or a smaller network"
        return {"name": name, "code": "out_of_memory", "message": str(error) or words}
    lines = traceback.format_exception(error)
    return {"name": name, "code": "python", "message": str(error) or name, "traceback": "".join(lines)}
