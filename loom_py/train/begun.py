"""A training step under way, as the loop knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loom_py.engine.engine import StepResult
from loom_py.engine.inputs import Feed
from loom_py.shapes import AnyArray


@dataclass(frozen=True, slots=True)
class Begun:
    """A step that was begun.

    Attributes:
        step: training steps begun in all, this one among them.
        finish: gives its result, when it is there.
    """

    epoch: int
    position: int
    feed: Feed
    rate: float
    step: int
    finish: Callable[[], StepResult]

    @property
    def target(self) -> AnyArray:
        """What the output should have been."""
        assert self.feed.target is not None
        return self.feed.target
