"""A chain of elementwise operations as one verb. Passes over Programs make chains; layers never call the verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.activation import FUNCTIONS, activate, activate_gradient
from loom_py.ops.arithmetic import add, divide, multiply, subtract
from loom_py.ops.verb import Spec, Verb, broadcast, verb
from loom_py.shapes import AnyArray, Shape

MOST_STEPS, MOST_INPUTS, MOST_AXES = 8, 7, 5
"""Limits of a chain, for the kernels of every executor."""
PREVIOUS = -1
"""The operand that is the result of the step before."""
ARITHMETIC = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
"""Steps of two operands that broadcast."""
GRADIENT = "_gradient"
"""Suffix of a step that is `activate_gradient`."""


class Step(NamedTuple):
    """One operation: add, subtract, multiply, divide, an activation such as "tanh", or "tanh_gradient" (dy, saved).

    Attributes:
        left, right: numbers of the chain's inputs, or PREVIOUS; `right` is None with a single operand.
    """

    operation: str
    left: int
    right: int | None = None

    def __repr__(self) -> str:
        """Such as add(·, 2)."""
        operands = ("·" if o == PREVIOUS else str(o) for o in (self.left, self.right) if o is not None)
        return f"{self.operation}({', '.join(operands)})"

    @property
    def flops(self) -> int:
        """Floating point operations per element."""
        if self.operation in ARITHMETIC:
            return 1
        return FUNCTIONS[self.operation.removesuffix(GRADIENT)].flops


def operation_of(verb: Verb, attrs: Mapping[str, Any]) -> str | None:
    """A verb's call as a step's operation; None for verbs that can't be in a chain."""
    if verb in (add, subtract, multiply, divide):
        return verb.name
    if verb in (activate, activate_gradient):
        return str(attrs["function"]) + (GRADIENT if verb is activate_gradient else "")
    return None


def _shapes(inputs: Sequence[Spec], steps: Sequence[Step]) -> list[Spec]:
    """Spec of each step's result."""
    found: list[Spec] = []
    for step in steps:
        operands = [found[-1] if o == PREVIOUS else inputs[o] for o in (step.left, step.right) if o is not None]
        found.append(broadcast(*operands))
    return found


def _chained(*inputs: Spec, steps: Sequence[Step], shape: Shape | None = None) -> Spec:
    last = _shapes(inputs, steps)[-1]
    if shape is None:
        return last
    reshaped = Spec(tuple(shape), last.dtype)
    if reshaped.size != last.size:
        raise ShapeError.expected("chain", expected=f"a shape of {last.size} elements", got=shape)
    return reshaped


def _cost(ins: Any, _outs: Any, attrs: dict[str, Any]) -> int:
    steps = attrs["steps"]
    return sum(step.flops * spec.size for step, spec in zip(steps, _shapes(ins, steps), strict=True))


def _do(out: AnyArray, step: Step, left: AnyArray, right: AnyArray | None) -> None:
    """One step, computed as its verb does."""
    if right is None:
        FUNCTIONS[step.operation].forward(out, left)
    elif step.operation in ARITHMETIC:
        ARITHMETIC[step.operation](left, right, out=out)
    else:
        FUNCTIONS[step.operation.removesuffix(GRADIENT)].gradient(out, left, right)


@verb(_chained, flops=_cost, reuses=(0, 1))
def chain(out: AnyArray, *inputs: AnyArray, steps: Sequence[Step], shape: Shape | None = None) -> None:
    """Steps in order, each on inputs and the result of the step before; the result is reshaped to `shape`."""
    value = out
    for number, step in enumerate(steps):
        left = value if step.left == PREVIOUS else inputs[step.left]
        right = None if step.right is None else value if step.right == PREVIOUS else inputs[step.right]
        extents = left.shape if right is None else np.broadcast_shapes(left.shape, right.shape)
        later = {o for s in steps[number + 1 :] for o in (s.left, s.right) if o is not None and o != PREVIOUS}
        # Inputs that are still needed must not be overwritten: the output may share memory with one.
        if out.size == np.prod(extents, dtype=int) and not any(np.may_share_memory(out, inputs[o]) for o in later):
            target = out.reshape(extents)
        else:
            target = np.empty(extents, out.dtype)
        _do(target, step, left, right)
        value = target
