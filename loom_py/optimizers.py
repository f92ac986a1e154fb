"""Optimizers: options and one update verb each; their state is flat arrays of the weights' size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, replace
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Literal, get_args

from loom_py import ops
from loom_py.config.fields import NonNegative, Positive, Share
from loom_py.config.options import Options, OptionsConfig, kind
from loom_py.errors import ConfigError
from loom_py.shapes import Shape

OptimizerName = Literal["sgd", "adam", "adamw", "rmsprop", "lion"]


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
