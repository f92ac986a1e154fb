"""Several elementwise operations as one: what a Program's passes make of runs of them. Layers never say it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.activation import FUNCTIONS
from loom_py.ops.verb import Spec, broadcast, verb
from loom_py.shapes import AnyArray, Shape

SO_FAR = -1
"""The operand that is the result of the step before."""
ARITHMETIC = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
GRADIENT = "_gradient"
"""Ends the name of a step that is `activate_gradient`."""


class Step(NamedTuple):
    """One operation: add, subtract, multiply, divide, an activation such as "tanh", or "tanh_gradient" (dy, saved).

    Attributes:
        left, right: numbers of the chain's inputs, or SO_FAR; `right` is None where there is but one operand.
    """

    operation: str
    left: int
    right: int | None = None

    def __repr__(self) -> str:
        """Such as add(·, 2)."""
        operands = ("·" if o == SO_FAR else str(o) for o in (self.left, self.right) if o is not None)
        return f"{self.operation}({', '.join(operands)})"

    @property
    def flops(self) -> int:
        """Floating point operations per element."""
        if self.operation in ARITHMETIC:
            return 1
        return FUNCTIONS[self.operation.removesuffix(GRADIENT)].flops


def _shapes(inputs: Sequence[Spec], steps: Sequence[Step]) -> list[Spec]:
    """What each step leaves."""
    found: list[Spec] = []
    for step in steps:
        operands = [found[-1] if o == SO_FAR else inputs[o] for o in (step.left, step.right) if o is not None]
        found.append(broadcast(*operands))
    return found


def _chained(*inputs: Spec, steps: Sequence[Step], shape: Shape | None = None) -> Spec:
    last = _shapes(inputs, steps)[-1]
    if shape is None:
        return last
    seen = Spec(tuple(shape), last.dtype)
    if seen.size != last.size:
        raise ShapeError.expected("chain", expected=f"a shape of {last.size} elements", got=shape)
    return seen


def _cost(ins: Any, _outs: Any, attrs: dict[str, Any]) -> int:
    steps = attrs["steps"]
    return sum(step.flops * spec.size for step, spec in zip(steps, _shapes(ins, steps), strict=True))


def _do(out: AnyArray, step: Step, left: AnyArray, right: AnyArray | None) -> None:
    """One step, as the verb of its own would do it."""
    if right is None:
        FUNCTIONS[step.operation].forward(out, left)
    elif step.operation in ARITHMETIC:
        ARITHMETIC[step.operation](left, right, out=out)
    else:
        FUNCTIONS[step.operation.removesuffix(GRADIENT)].gradient(out, left, right)


@verb(_chained, flops=_cost, reuses=(0, 1))
def chain(out: AnyArray, *inputs: AnyArray, steps: Sequence[Step], shape: Shape | None = None) -> None:
    """The steps one after the other, each on inputs and on what the one before left; seen in `shape` in the end."""
    value = out
    for number, step in enumerate(steps):
        left = value if step.left == SO_FAR else inputs[step.left]
        right = None if step.right is None else value if step.right == SO_FAR else inputs[step.right]
        extents = left.shape if right is None else np.broadcast_shapes(left.shape, right.shape)
        later = {o for s in steps[number + 1 :] for o in (s.left, s.right) if o is not None and o != SO_FAR}
        # Whatever is still read must not be written over: the output may lie in the memory of an input.
        if out.size == np.prod(extents, dtype=int) and not any(np.may_share_memory(out, inputs[o]) for o in later):
            target = out.reshape(extents)
        else:
            target = np.empty(extents, out.dtype)
        _do(target, step, left, right)
        value = target
