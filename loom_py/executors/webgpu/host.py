"""Hosts, which run plans: a device of the browser through JavaScript, or a native one through wgpu."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from loom_py.executors.webgpu.plan import Plan
from loom_py.shapes import AnyArray


@dataclass(frozen=True, slots=True)
class Adapter:
    """Properties of a device.

    Attributes:
        name: such as "NVIDIA H100 80GB HBM3".
        software: whether it is a software renderer: right for tests, and slow.
        most_bytes: largest storage buffer, and so the largest heap.
        features: its WebGPU features, such as "timestamp-query".
    """

    name: str
    software: bool
    most_bytes: int
    features: frozenset[str] = field(default_factory=frozenset)


class Host(Protocol):
    """A device, its heap, and its loaded plans.

    Runs are queued and executed in order; only `wait` and `read` block. Every method raises `DeviceLostError` once the
    device is lost, `LoomError` for what the device refuses.
    """

    @property
    def adapter(self) -> Adapter: ...

    @property
    def lost(self) -> str | None:
        """Why the device is lost; None while it is available."""
        ...

    def counters(self) -> Mapping[str, int]:
        """Number of runs ("runs") and of objects on the device ("plans", …)."""
        ...

    def resize(self, nbytes: int) -> None:
        """Enlarge the heap; contents stay, new bytes are zero."""
        ...

    def clear(self, offset: int, nbytes: int) -> None:
        """Zero a part of the heap."""
        ...

    def write(self, offset: int, data: AnyArray) -> None:
        """Copy bytes (N) uint8 into the heap."""
        ...

    def read(self, offset: int, nbytes: int) -> AnyArray:
        """Copy a part of the heap out, (nbytes) uint8, after all work queued before."""
        ...

    def load(self, plan: Plan) -> Any:
        """Make a plan ready to run; returns its number for `run`."""
        ...

    def unload(self, loaded: Any) -> None:
        """Free a plan."""
        ...

    def run(self, loaded: Any, first: int, last: int, staged: AnyArray, fresh: int, timed: bool) -> int:
        """Queue the dispatches `first` … `last`-1 of a plan, and its report.

        Args:
            loaded: from `load`.
            first, last: the range of dispatches.
            staged: bytes of all inputs, laid out by `Plan.inputs`.
            fresh: bit i is set if input i must be written first.
            timed: whether to measure spans, where the device can.

        Returns:
            A ticket for `wait`.
        """
        ...

    def wait(self, ticket: int) -> tuple[AnyArray, AnyArray | None]:
        """The report (bytes, uint8) of a run and the nanoseconds of each span, None if they were not measured.

        A ticket is valid once.
        """
        ...

    def forget(self, ticket: int) -> None:
        """Free a report that will not be waited for."""
        ...
