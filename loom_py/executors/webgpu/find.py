"""The GPU of this place: the page's through JavaScript, the machine's through wgpu."""

from __future__ import annotations

from functools import cache

from loom_py.errors import UnavailableError
from loom_py.executors.webgpu import WebGPUExecutor
from loom_py.executors.webgpu.host import Host
from loom_py.executors.webgpu.lower.call import without_barriers
from loom_py.executors.webgpu.lower.device_profile import SOFTWARE_GPU
from loom_py.executors.webgpu.tuning import Tuner, cache_path
from loom_py.runtime import in_browser


def find_executor() -> WebGPUExecutor:
    """The executor on the GPU of this place.

    Raises:
        UnavailableError: there is none, or none that can be used; the text says why.
    """
    found = _executor()
    if found.host.lost is not None:
        raise UnavailableError(f"the GPU was lost: {found.host.lost}")
    return found


@cache
def _executor() -> WebGPUExecutor:
    host = _host()
    if host.adapter.software:
        return WebGPUExecutor(host, lambda *_: without_barriers, SOFTWARE_GPU)
    path = None if in_browser() else cache_path(host.adapter.name)
    return WebGPUExecutor(host, lambda host, heap: Tuner(host, heap, path).choose)


def _host() -> Host:
    if in_browser():
        from loom_py.executors.webgpu.browser import browser_host

        return browser_host()
    from loom_py.executors.webgpu.native import native_host

    return native_host()


def gpu_unavailable_reason() -> str | None:
    """Why the GPU can't be used here; None if it can."""
    reason = _not_found() if in_browser() else _never_found()
    if reason is not None:
        return reason
    lost = _executor().host.lost
    return None if lost is None else f"the GPU was lost: {lost}"


def _not_found() -> str | None:
    """Why there is none now: in a page it may come a moment later, or to a caller that can wait for it."""
    try:
        _executor()
    except UnavailableError as error:
        return str(error)
    return None


_never_found = cache(_not_found)
"""The same of a machine, where looking takes a while and changes nothing."""
