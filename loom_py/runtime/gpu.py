"""The GPU of the page: JavaScript's host of plans, as plain Python functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from loom_py.errors import DeviceLostError, LoomError, UnavailableError
from loom_py.runtime.convert import JsValue, is_null, to_js
from loom_py.runtime.host import can_run_sync, in_browser

if in_browser():
    from pyodide import ffi

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Report = tuple[Bytes, "np.ndarray[Any, np.dtype[np.int64]] | None"]
_ERRORS = {"DeviceLost": DeviceLostError, "OutOfMemory": UnavailableError}


def gpu_unavailable_reason() -> str | None:
    """Why the GPU of this page can't be used; None if it can."""
    if not in_browser():
        return "there is no page: in plain CPython GPUs are reached through wgpu"
    module = _module()
    if module is None:
        return "no WebGPU in this page: Python was started without a host for it; do: use createLoom()"
    if is_null(module.host):
        return f"no WebGPU in this page: {module.reason}"
    if not can_run_sync():
        return (
            "Python can't wait for the GPU here, which needs JavaScript Promise Integration (JSPI: Chrome 137, "
            "Firefox 153, Safari 27) and a caller that awaits the answer; do: use a current browser and createLoom()"
        )
    return None


def _module() -> JsValue | None:
    """The module that the page registered, with `host`, or with null and a `reason`."""
    try:
        import loom_gpu  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return loom_gpu


class PageGpu:
    """The functions of the page's host, cached: each look-up costs as much as a call.

    Every method raises `DeviceLostError` once the device is lost, `LoomError` for what it refuses.
    """

    def __init__(self) -> None:
        """Use the host that the page registered.

        Raises:
            UnavailableError: the page registered none.
        """
        reason = gpu_unavailable_reason()
        module = _module()
        if reason is not None or module is None:
            raise UnavailableError(reason or "no WebGPU in this page")
        host = module.host
        self.facts: Mapping[str, Any] = host.adapter.to_py()
        self._host = host
        self._run, self._arrived, self._unload = host.run, host.arrived, host.unload
        self._forget = host.forget

    @property
    def lost(self) -> str | None:
        """Why the device is lost; None while it is available."""
        reason = self._host.lost
        return None if is_null(reason) else str(reason)

    def counters(self) -> Mapping[str, int]:
        """Number of objects on the device, and of runs."""
        found: Mapping[str, int] = self._host.counters().to_py()
        return found

    def resize(self, nbytes: int) -> None:
        """Enlarge the heap."""
        self._await(self._host.resize, nbytes)

    def clear(self, offset: int, nbytes: int) -> None:
        """Zero a part of the heap."""
        with _translated():
            self._host.clear(offset, nbytes)

    def write(self, offset: int, data: Bytes) -> None:
        """Copy bytes into the heap."""
        with _translated():
            self._host.write(offset, memoryview(data))

    def read(self, offset: int, nbytes: int) -> Bytes:
        """Copy a part of the heap out."""
        return _taken(self._await(self._host.read, offset, nbytes), nbytes)

    async def read_async(self, offset: int, nbytes: int) -> Bytes:
        """`read` for callers that await it."""
        with _translated():
            return _taken(await self._host.read(offset, nbytes), nbytes)

    def load(self, plan: Mapping[str, Any]) -> int:
        """Make a plan ready to run; its arrays are memoryviews, which are passed flat."""
        return int(self._await(self._host.load, to_js(plan)[0]))

    def unload(self, number: int) -> None:
        """Free a plan."""
        self._unload(number)

    def run(self, number: int, first: int, last: int, staged: JsValue, fresh: int, timed: bool) -> int:
        """Queue dispatches by one call to JavaScript; `staged` is from `lend`."""
        try:
            return int(self._run(number, first, last, staged, fresh, timed))
        except ffi.JsException as error:
            raise _translation(error) from error

    def report(self, ticket: int) -> Report:
        """The report of a run; waits for it if necessary."""
        with _translated():
            found = self._arrived(ticket)
        if is_null(found):
            found = self._await(self._host.report, ticket)
        return _unpacked(found)

    def forget(self, ticket: int) -> None:
        """Free a report that will not be read."""
        self._forget(ticket)

    async def report_async(self, ticket: int) -> Report:
        """`report` for callers that await it."""
        with _translated():
            return _unpacked(await self._host.report(ticket))

    def _await(self, start: Callable[..., JsValue], *args: Any) -> JsValue:
        if not can_run_sync():
            raise UnavailableError.expected(
                "waiting for the GPU",
                expected="a caller that awaits the answer, so that Python may pause (JSPI)",
                got="a plain call from JavaScript",
                do="call through createLoom(), runPythonAsync or callPromising",
            )
        with _translated():
            return ffi.run_sync(start(*args))


def lend(array: Bytes) -> JsValue:
    """A proxy by which JavaScript accesses an array without a copy, until `give_back`."""
    return ffi.create_proxy(memoryview(array))


def give_back(lent: JsValue) -> None:
    """Destroy a proxy from `lend`."""
    lent.destroy()


def _taken(source: JsValue, nbytes: int) -> Bytes:
    """The bytes of a JavaScript array; `assign_to` is the fastest way."""
    array = np.empty(nbytes, np.uint8)
    if nbytes:
        source.assign_to(array)
    return array


def _unpacked(report: JsValue) -> Report:
    bytes_, times = report.bytes, report.times
    found = _taken(bytes_, bytes_.length)
    if is_null(times):
        return found, None
    nanoseconds = np.empty(times.length, np.float64)
    if nanoseconds.size:
        times.assign_to(nanoseconds)
    return found, nanoseconds.astype(np.int64)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ffi.JsException as error:
        raise _translation(error) from error


def _translation(error: Any) -> LoomError:
    """An error of the host as one of this package, by its name."""
    return _ERRORS.get(error.name, LoomError)(str(error.message))
