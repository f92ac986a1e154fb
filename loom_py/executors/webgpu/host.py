"""What runs plans: a device of the browser behind JavaScript, or a native one behind wgpu."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from loom_py.executors.webgpu.plan import Plan
from loom_py.shapes import AnyArray


@dataclass(frozen=True, slots=True)
class Adapter:
    """What is known of a device.

    Attributes:
        name: such as "NVIDIA H100 80GB HBM3".
        software: whether it is a software renderer: right for tests, and slow.
        most_bytes: of one storage buffer, so of the whole heap.
        features: of WebGPU, such as "timestamp-query".
    """

    name: str
    software: bool
    most_bytes: int
    features: frozenset[str] = field(default_factory=frozenset)


class Host(Protocol):
    """A device, its heap, and the plans that are loaded.

    Runs are queued and carried out in order; nothing waits but `wait` and `read`. Every method raises
    `DeviceLostError` once the device is gone, `LoomError` for what the device refused.
    """

    @property
    def adapter(self) -> Adapter: ...

    @property
    def lost(self) -> str | None:
        """Why the device is gone; None as long as it is there."""
        ...

    def counters(self) -> Mapping[str, int]:
        """How often it ran ("runs"), and what lives on the device ("plans", …)."""
        ...

    def resize(self, nbytes: int) -> None:
        """Make the heap larger: what is there stays, the rest is zero."""
        ...

    def clear(self, offset: int, nbytes: int) -> None:
        """Zero a part of the heap."""
        ...

    def write(self, offset: int, data: AnyArray) -> None:
        """Copy bytes (N) uint8 into the heap."""
        ...

    def read(self, offset: int, nbytes: int) -> AnyArray:
        """Copy a part of the heap out, (nbytes) uint8, when all that was queued before is done."""
        ...

    def load(self, plan: Plan) -> Any:
        """Make a plan ready to run; returns what `run` knows it by."""
        ...

    def unload(self, loaded: Any) -> None:
        """Let go of a plan."""
        ...

    def run(self, loaded: Any, first: int, last: int, staged: AnyArray, fresh: int, timed: bool) -> int:
        """Queue the dispatches `first` … `last`-1 of a plan and the sending of its report.

        Args:
            loaded: from `load`.
            first, last: the range of dispatches.
            staged: bytes of all inputs, as `Plan.inputs` places them.
            fresh: bit i is set when input i is to be written first.
            timed: whether to measure spans, where the device can.

        Returns:
            A ticket for `wait`.
        """
        ...

    def wait(self, ticket: int) -> tuple[AnyArray, AnyArray | None]:
        """The report (bytes, uint8) of a run and the nanoseconds of each span, None where they were not measured.

        A ticket is good once.
        """
        ...

    def forget(self, ticket: int) -> None:
        """Let go of a report that nobody will wait for."""
        ...
