"""Options of neural tweening."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from loom_py.config.fields import Positive, Share, check_fields
from loom_py.optimizers import Optimizer

TweenMode = Literal["chain", "target"]
CHAIN_LIMIT = 10.0
"""Largest magnitude of a value that is passed back."""
STEP_LIMIT = 1.0
"""Largest magnitude of one parameter's step."""
DEEPEST_SCALE = 100.0


@dataclass(frozen=True, kw_only=True)
class TweenConfig:
    """How targets are made and how fast the weights follow.

    Attributes:
        learning_rate: step size before the explosion guard's factor.
        mode: "chain" passes what is missing at the output back through the layers' own derivatives; "target" passes
            the target itself back through the weights, layer by layer, and uses no derivative chain.
        momentum: how much of the last step is kept (weights; biases move directly).
        depth_scale: growth of the signal per layer on its way back, against its fading.
        nudge: how far a hidden target lies from the activation, as a share of what was passed back.
        explosion_detection: lower the rate when the gaps grow.
        least_budget: target mode leaves alone a layer whose link budget is below this.
    """

    learning_rate: Positive = 0.5
    mode: TweenMode = "chain"
    momentum: Share = 0.9
    depth_scale: Positive = 1.2
    nudge: Positive = 0.1
    explosion_detection: bool = True
    least_budget: Share = 0.2

    def __post_init__(self) -> None:
        check_fields(self)

    def scale(self, depth: int) -> float:
        """s(d) for a layer d places before the last: 1, then c^d up to d = 10, then slower, at most 100."""
        if depth == 0:
            return 1.0
        exponent = depth if depth <= 10 else 10 + math.log(depth - 9)
        return min(math.pow(self.depth_scale, exponent), DEEPEST_SCALE)


@dataclass(frozen=True)
class TweenOptimizer(Optimizer):
    """Reserves the memory that tweening keeps per parameter; the step itself moves the parameters."""

    name: ClassVar[str] = "tween"

    def state(self) -> tuple[str, ...]:
        return ("velocity",)

    def update(self, w: Any, g: Any, state: Mapping[str, Any], rate: Any, count: Any, scale: Any, ok: Any) -> None:
        """Nothing to do."""
