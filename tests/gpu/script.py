"""A host that writes down what it is told, so that another host can be told the same."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from loom_py.executors.webgpu.host import Adapter, Host
from loom_py.executors.webgpu.plan import Kernel, Plan
from loom_py.shapes import AnyArray

Step = dict[str, Any]


def encoded(array: AnyArray) -> str:
    """Its bytes in base64, the way JSON can hold them."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _title(kernel: Kernel) -> str:
    return f"{kernel.name} with subgroups" if kernel.subgroups else kernel.name


class ScriptHost:
    """Implements Host by another, or by none: everything that it gives back is zero then.

    Attributes:
        steps: the calls in order.
        kernels: every kernel's WGSL by name.
    """

    adapter = Adapter("paper", True, 1 << 28)
    lost = None

    def __init__(self, host: Host | None = None) -> None:
        self._host = host
        self.steps: list[Step] = []
        self.kernels: dict[str, str] = {}
        self._plans: dict[int, tuple[Plan, Any]] = {}
        self._tickets: dict[int, tuple[int, int]] = {}

    def _note(self, do: str, **more: Any) -> int:
        self.steps.append({"do": do, **more})
        return len(self.steps) - 1

    def resize(self, nbytes: int) -> None:
        self._note("resize", bytes=nbytes)
        if self._host:
            self._host.resize(nbytes)

    def clear(self, offset: int, nbytes: int) -> None:
        self._note("clear", offset=offset, bytes=nbytes)
        if self._host:
            self._host.clear(offset, nbytes)

    def write(self, offset: int, data: AnyArray) -> None:
        self._note("write", offset=offset, data=encoded(data))
        if self._host:
            self._host.write(offset, data)

    def read(self, offset: int, nbytes: int) -> AnyArray:
        self._note("read", offset=offset, bytes=nbytes)
        return self._host.read(offset, nbytes) if self._host else np.zeros(nbytes, np.uint8)

    def load(self, plan: Plan) -> int:
        self.kernels.update({_title(kernel): kernel.source for kernel in plan.kernels})
        kernels = [{"name": _title(k), "constants": dict(k.constants)} for k in plan.kernels]
        names = ("dispatches", "params", "inputs", "report", "spans")
        number = self._note("load", kernels=kernels, **{name: encoded(getattr(plan, name)) for name in names})
        self._plans[number] = plan, self._host.load(plan) if self._host else None
        return number

    def unload(self, loaded: int) -> None:
        self._note("unload", plan=loaded)
        if self._host:
            self._host.unload(self._plans[loaded][1])

    def run(self, loaded: int, first: int, last: int, staged: AnyArray, fresh: int, timed: bool) -> int:
        where = {"plan": loaded, "first": first, "last": last}
        number = self._note("run", **where, staged=encoded(staged), fresh=str(fresh), timed=timed)
        plan, theirs = self._plans[loaded]
        ticket = self._host.run(theirs, first, last, staged, fresh, timed) if self._host else 0
        self._tickets[number] = ticket, plan.report_bytes
        return number

    def forget(self, ticket: int) -> None:
        theirs, _ = self._tickets.pop(ticket, (None, 0))
        if self._host and theirs is not None:
            self._host.forget(theirs)

    def wait(self, ticket: int) -> tuple[AnyArray, AnyArray | None]:
        self._note("wait", run=ticket)
        theirs, nbytes = self._tickets.pop(ticket)
        return self._host.wait(theirs) if self._host else (np.zeros(nbytes, np.uint8), None)
