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
"""Largest magnitude of a value passed back."""
STEP_LIMIT = 1.0
"""Largest magnitude of one parameter's step."""
DEEPEST_SCALE = 100.0


@dataclass(frozen=True, kw_only=True)
class TweenConfig:
    """Options of neural tweening: computation of targets, and step sizes.

    Attributes:
        learning_rate: step size before the explosion guard's factor.
        mode: "chain" passes the gap at the output back through the layers' derivatives; "target" passes the target
            itself back through the weights, layer by layer, without a chain of derivatives.
        momentum: share of the previous step that is added to the next one (weights only; biases have no momentum).
        depth_scale: factor on the signal per layer on its way back, so that it does not fade.
        nudge: distance of a hidden target from the activation, as a share of the signal passed back.
        explosion_detection: lower the learning rate when the gaps grow.
        least_budget: link budget below which target mode does not update a layer.
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
    """Reserves the velocity of each parameter; the tweening step itself updates the parameters."""

    name: ClassVar[str] = "tween"

    def state(self) -> tuple[str, ...]:
        return ("velocity",)

    def update(self, w: Any, g: Any, state: Mapping[str, Any], rate: Any, count: Any, scale: Any, ok: Any) -> None:
        """Do nothing: the tweening step updates the parameters."""
