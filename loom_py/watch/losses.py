"""Losses of a PyTorch run: told before the update, read without waiting for a GPU at every step."""

from __future__ import annotations

from collections.abc import Iterator
from time import time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

LONGEST_WAIT = 32
"""Steps after which losses on another device are read."""


class StepEvents:
    """The steps whose events are still to come."""

    def __init__(self) -> None:
        self._loss: float | Tensor | None = None
        self._accuracy: float | None = None
        self._held: list[dict[str, Any]] = []

    def log(self, loss: float | Tensor | None, accuracy: float | None) -> None:
        """Note results of the step under way; those of several passes in a step are not added, the last one counts."""
        if loss is not None:
            self._loss = loss
        if accuracy is not None:
            self._accuracy = accuracy

    def add(self, **facts: Any) -> None:
        """Add a step that has ended."""
        self._held.append({"loss": self._loss, "accuracy": self._accuracy, "time_ns": time_ns()} | facts)
        self._loss = self._accuracy = None

    @property
    def at_once(self) -> bool:
        """Whether reading what is held waits for nothing, or it has waited long enough."""
        device = getattr(self._held[-1]["loss"], "device", None) if self._held else None
        return device is None or device.type == "cpu" or len(self._held) >= LONGEST_WAIT

    def take(self) -> Iterator[dict[str, Any]]:
        """The steps held, their losses as numbers."""
        held, self._held = self._held, []
        for facts in held:
            yield facts | {"loss": None if facts["loss"] is None else float(facts["loss"])}


class EpochMeans:
    """Mean loss and accuracy of the steps of an epoch."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {"loss": [], "accuracy": []}
        self._last: dict[str, float | None] = {}

    def add(self, facts: dict[str, Any]) -> None:
        """Add a step."""
        for name, told in self._sums.items():
            if facts[name] is not None:
                told.append(facts[name])

    def take(self) -> dict[str, float | None]:
        """The means, None where nothing was told; the next epoch begins.

        Without a step since the last call, they are those of the epoch before.
        """
        means = {name: sum(told) / len(told) if told else None for name, told in self._sums.items()}
        if any(self._sums.values()):
            self._last = means
            self._sums = {name: [] for name in self._sums}
        return self._last or means
