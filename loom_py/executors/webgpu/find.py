"""The available GPU: the page's through JavaScript, or the machine's through wgpu."""

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
    """The executor on the available GPU.

    Raises:
        UnavailableError: there is no usable GPU; the text says why.
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
    """Why there is no GPU now. Not cached: in a page it may be available later, or to a caller that can wait."""
    try:
        _executor()
    except UnavailableError as error:
        return str(error)
    return None


_never_found = cache(_not_found)
"""The same for a machine; cached, since the search is slow and its result does not change."""
