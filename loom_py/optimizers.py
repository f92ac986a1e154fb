"""Optimizers: options and one update verb each; their state is flat arrays of the weights' size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, replace
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from loom_py import ops
from loom_py.config.fields import NonNegative, Positive, Share
from loom_py.config.options import Options, OptionsConfig, kind
from loom_py.errors import ConfigError
from loom_py.shapes import Array, Shape

OptimizerName = Literal["sgd", "adam", "adamw", "rmsprop", "lion"]
LARGEST_START = 2.0**40
"""Largest magnitude of weights and state from which `Optimizer.wear` counts."""
LARGEST_RATIO = 2.0**10
"""Largest |m| / (√v + ε) from which Adam's `wear` counts."""


MOST_DECAY = 0.5
"""Largest weight decay, added to the gradient, for which growth has a bound."""
LEAST_EPS = 1e-15
"""Least ε for which growth has a bound: squares of gradients may underflow."""


def _growth(factor: float, *, bits: int) -> float:
    """Share of `bits` doublings that growth by 1 + `factor` takes: at least log₂(1 + factor) / bits."""
    return factor * math.log2(math.e) / bits


class Optimizer(Options):
    """Base of optimizers."""

    name: ClassVar[str]

    def state(self) -> tuple[str, ...]:
        """Names of the state arrays, each of the weights' size."""
        raise NotImplementedError

    def squares(self) -> tuple[str, ...]:
        """Names of the state arrays that are means of squares, so never negative."""
        return ()

    def update(self, w: Any, g: Any, state: Mapping[str, Any], rate: Any, count: Any, scale: Any, ok: Any) -> None:
        """Record the update of weights `w` by gradients `g`.

        Args:
            rate: learning rate. count: number of this update, from 1. scale: factor of clipping, or None.
            ok: 0 skips the update.
        """
        raise NotImplementedError

    def wear(self) -> float:
        """Share of the room for growth that a step of learning rate 1 uses up; infinite: it has no bound.

        While the sum over steps, each times its rate, is below 1, nothing overflows: if weights and state were
        `settled` and at most `LARGEST_START` in magnitude before, and the norm of each step's gradients is at most
        2²⁰. The bounds are on X, the largest of |w| and the state in units that make its growth slow.
        """
        return math.inf

    def settled(self, state: Mapping[str, Array]) -> bool:
        """Whether the state has the proportions that `wear` relies on, besides being small; zeros have."""
        return True

    def leaves_step(self) -> str | None:
        """Array from which the step follows after `update`: a state times `rate`, or "gradient" times `rate · scale`;
        None if there is none and only a comparison of weights before and after tells the step."""
        return None


@kind
class SGD(Optimizer):
    """Stochastic gradient descent: w ← w - ηv with v ← μv + g + λw."""

    name: ClassVar[str] = "sgd"

    _: KW_ONLY
    momentum: Share = 0.0
    """Momentum (μ): decay of the running sum of gradients."""
    nesterov: bool = False
    """Whether to use Nesterov's momentum (Nesterov 1983)."""
    weight_decay: NonNegative = 0.0
    """Share of each weight that is added to its gradient (λ)."""

    def state(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def wear(self) -> float:
        """X is the largest of |w| and (1-μ)|v|, from 2⁴⁰ to 2¹⁰⁰; a step multiplies it by at most 1 + η(1+λ)/(1-μ)."""
        if self.weight_decay > MOST_DECAY:
            return math.inf
        return _growth((1 + self.weight_decay) / (1 - self.momentum), bits=60)

    def leaves_step(self) -> str | None:
        if self.momentum:
            return None if self.nesterov else "velocity"
        return None if self.weight_decay else "gradient"

    def update(self, w: Any, g: Any, state: Mapping[str, Any], rate: Any, count: Any, scale: Any, ok: Any) -> None:
        ops.sgd(
            w, g, state.get("velocity"), rate, scale, ok,
            momentum=self.momentum, nesterov=self.nesterov, weight_decay=self.weight_decay,
        )  # fmt: skip


@kind
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient."""

    name: ClassVar[str] = "adam"
    decoupled: ClassVar[bool] = False

    _: KW_ONLY
    beta1: Share = 0.9
    """Share of the mean gradient that is kept."""
    beta2: Share = 0.999
    """Share of the mean squared gradient that is kept."""
    eps: Positive = 1e-8
    """Added to the root of the mean square, so that nothing is divided by 0."""
    weight_decay: NonNegative = 0.0
    """Share of each weight that is added to its gradient."""

    def state(self) -> tuple[str, ...]:
        return ("m", "v")

    def squares(self) -> tuple[str, ...]:
        return ("v",)

    def wear(self) -> float:
        """X is the largest |w|, from 2⁴⁰ to 2⁶⁰.

        |m| ≤ c(√v + ε) holds after a step if it held before, by the Cauchy-Schwarz inequality, for
        c² ≥ (1-β₁)² / ((1-β₂)(1-β₁²/β₂)). So w moves by at most ηc/(1-β₁), whatever the gradient is.
        """
        steady = self.beta1**2 < self.beta2 and self.eps >= LEAST_EPS
        if not steady or (self.weight_decay > MOST_DECAY and not self.decoupled):
            return math.inf
        least = (1 - self.beta1) ** 2 / ((1 - self.beta2) * (1 - self.beta1**2 / self.beta2))
        if 2 * least > LARGEST_RATIO**2:
            return math.inf
        decay = self.weight_decay if self.decoupled else 0.0
        return _growth(decay + LARGEST_RATIO / (1 - self.beta1) / LARGEST_START, bits=20)

    def settled(self, state: Mapping[str, Array]) -> bool:
        limit = np.sqrt(state["v"])
        limit += np.float32(self.eps)
        limit *= np.float32(LARGEST_RATIO)
        return bool((np.abs(state["m"]) <= limit).all())

    def update(self, w: Any, g: Any, state: Mapping[str, Any], rate: Any, count: Any, scale: Any, ok: Any) -> None:
        ops.adam(
            w, g, state["m"], state["v"], rate, count, scale, ok,
            beta1=self.beta1, beta2=self.beta2, eps=self.eps, weight_decay=self.weight_decay, decoupled=self.decoupled,
        )  # fmt: skip


@kind
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    name: ClassVar[str] = "adamw"
    decoupled: ClassVar[bool] = True

    _: KW_ONLY
    weight_decay: NonNegative = 0.01
    """Share of each weight, times the learning rate, that is subtracted from it."""


@kind
class RMSProp(Optimizer):
    """RMSProp (Tieleman & Hinton 2012), not centred."""

    name: ClassVar[str] = "rmsprop"

    _: KW_ONLY
    alpha: Share = 0.99
    """Share of the mean squared gradient that is kept."""
    eps: Positive = 1e-8
    """Added to the root of the mean square, so that nothing is divided by 0."""
    momentum: Share = 0.0
    """Share of the last step that is kept."""
    weight_decay: NonNegative = 0.0
    """Share of each weight that is added to its gradient."""

    def state(self) -> tuple[str, ...]:
        return ("square", "velocity") if self.momentum else ("square",)

    def squares(self) -> tuple[str, ...]:
        return ("square",)

    def wear(self) -> float:
        """X is the largest of |w| and (1-μ)|v|, from 2⁴⁰ to 2⁶⁰; s ≥ (1-α)g², so |g|/(√s + ε) is far below X."""
        if self.weight_decay > MOST_DECAY or self.eps < LEAST_EPS:
            return math.inf
        return _growth(1 / (1 - self.momentum), bits=20)

    def update(self, w: Any, g: Any, state: Mapping[str, Any], rate: Any, count: Any, scale: Any, ok: Any) -> None:
        ops.rmsprop(
            w, g, state["square"], state.get("velocity"), rate, scale, ok,
            alpha=self.alpha, eps=self.eps, momentum=self.momentum, weight_decay=self.weight_decay,
        )  # fmt: skip


@kind
class Lion(Optimizer):
    """Lion: steps of equal size in the direction of the sign (Chen et al. 2023)."""

    name: ClassVar[str] = "lion"

    _: KW_ONLY
    beta1: Share = 0.9
    """Share of the running mean in the direction of a step (β₁)."""
    beta2: Share = 0.99
    """Share of the mean gradient that is kept."""
    weight_decay: NonNegative = 0.0
    """Share of each weight, times the learning rate, that is subtracted from it."""

    def state(self) -> tuple[str, ...]:
        return ("m",)

    def wear(self) -> float:
        """X is the largest |w|, from 2⁴⁰ to 2¹⁰⁰; a step moves it by at most η, m stays below the largest gradient."""
        return _growth(self.weight_decay + 1 / LARGEST_START, bits=60)

    def update(self, w: Any, g: Any, state: Mapping[str, Any], rate: Any, count: Any, scale: Any, ok: Any) -> None:
        ops.lion(
            w, g, state["m"], rate, scale, ok,
            beta1=self.beta1, beta2=self.beta2, weight_decay=self.weight_decay,
        )  # fmt: skip


@kind
class ParameterGroup(Options):
    """Options for some parameters instead of the optimizer's; the first matching group applies.

    `ParameterGroup(axes="vectors", weight_decay=0)` exempts biases and the scales of norms from decay.

    Attributes:
        names: patterns of full names, such as "*.bias" or "3.*"; `*` matches anything.
        axes: "vectors" are parameters of fewer than two axes (biases, scales), "matrices" of at least two.
        rate: factor on the learning rate; 0 freezes.
        weight_decay: weight decay; None: the optimizer's.
    """

    _: KW_ONLY
    names: tuple[str, ...] = ("*",)
    axes: Literal["any", "vectors", "matrices"] = "any"
    rate: NonNegative = 1.0
    weight_decay: NonNegative | None = None

    def holds(self, name: str, shape: Shape) -> bool:
        """Whether a parameter belongs to the group."""
        kind = "vectors" if len(shape) < 2 else "matrices"
        return self.axes in ("any", kind) and any(fnmatchcase(name, pattern) for pattern in self.names)

    def applied(self, optimizer: Optimizer) -> Optimizer:
        """The optimizer with the group's weight decay."""
        if self.weight_decay is None:
            return optimizer
        return replace(optimizer, weight_decay=self.weight_decay)  # type: ignore[type-var]


OPTIMIZERS: dict[str, type[Optimizer]] = {c.name: c for c in (SGD, Adam, AdamW, RMSProp, Lion)}
assert set(OPTIMIZERS) == set(get_args(OptimizerName))


def resolve_optimizer(optimizer: Optimizer | OptimizerName | OptionsConfig) -> Optimizer:
    """An optimizer from itself, its name or plain data; raises ConfigError for an unknown one."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, Mapping):
        return Optimizer.from_config(optimizer)
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
        raise ConfigError.expected("optimizer", expected=" or ".join(OPTIMIZERS), got=repr(optimizer))
    return OPTIMIZERS[optimizer]()
