"""What a lowering is given, and how dispatches are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loom_py.executors.strides import Contiguous
from loom_py.executors.webgpu.lower.device_profile import DeviceProfile
from loom_py.executors.webgpu.lower.matmul_variants import Product, Variant, choose, plainest
from loom_py.executors.webgpu.plan import Dispatch
from loom_py.shapes import AnyArray, Shape


@dataclass(frozen=True, slots=True)
class Operand(Contiguous):
    """An array where it lies; always contiguous, in words of 32 bits (two for each number of a float64)."""

    word: int
    shape: Shape
    dtype: np.dtype[Any]


Row = tuple[int, ...]
Finish = Callable[[Callable[[AnyArray], int], Sequence[Row]], list[Dispatch]]
"""The last dispatches of any number of calls, from a row of each; the first argument is `Call.table`."""
Chooser = Callable[[Product, Callable[[Variant, int], list[Dispatch]]], Variant]


def by_rule(product: Product, _make: Callable[[Variant, int], list[Dispatch]]) -> Variant:
    """The variant that the rule finds, nothing measured."""
    return choose(product)


def without_barriers(product: Product, _make: Callable[[Variant, int], list[Dispatch]]) -> Variant:
    """The variant for software renderers."""
    return plainest(product)


@dataclass(slots=True)
class Call:
    """One instruction: operands, attributes, and memory that is its own while it runs."""

    outputs: tuple[Operand, ...]
    inputs: tuple[Operand | None, ...]
    attrs: Mapping[str, Any]
    scratch: Callable[[int], int]
    """Takes so many words, gives where they lie; what is there before is anything."""
    table: Callable[[AnyArray], int]
    """Takes numbers of four bytes that never change, gives the word where they lie; the same array lies there once."""
    choose: Chooser
    """Finds the variant of a matrix product, given its shape and what makes a variant's dispatches for a result."""
    profile: DeviceProfile
    """How finely the device likes reductions to be shared out."""
    verb: str = ""
    """What is called."""
    later: Callable[[Finish, Row], list[Dispatch]] = lambda finish, row: []
    """Takes a row for dispatches that may come when all else is done; gives those that must come now."""

    def given(self, place: int) -> Operand | None:
        """An input that may be left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def input(self, place: int) -> Operand:
        """An input that is always there."""
        operand = self.inputs[place]
        assert operand is not None
        return operand

    def word(self, place: int) -> int:
        """Where an input lies."""
        return self.input(place).word

    @property
    def operands(self) -> Iterator[Operand]:
        """All that are there."""
        return (o for o in (*self.outputs, *self.inputs) if o is not None)

    @property
    def filled(self) -> bool:
        """Whether no operand is empty."""
        return all(o.size for o in self.operands)

    @property
    def floats(self) -> bool:
        """Whether all operands are float32."""
        return all(o.is_float for o in self.operands)


Lowering = Callable[[Call], "list[Dispatch] | None"]
Together = Callable[[Sequence[Call]], list[Dispatch]]


@dataclass(frozen=True, slots=True)
class Joint:
    """A lowering of several calls at once, for verbs that are small and come in numbers.

    Attributes:
        ordered: whether the calls may need their order; else none may read what another writes.
        takes: whether it is for such a call, whose operands are float32 and not empty.
    """

    lowering: Together
    ordered: bool
    takes: Callable[[Call], bool]


LOWERINGS: dict[str, Lowering] = {}
"""How to lower each verb."""
JOINT: dict[str, Joint] = {}
"""How to lower several calls at once."""


def lowers(*verbs: str, knows: tuple[str, ...] = (), floats: bool = True) -> Callable[[Lowering], Lowering]:
    """Declare a lowering: from a Call to dispatches, None where it does not cover the call.

    Args:
        verbs: what it lowers.
        knows: the attributes it heeds; an instruction with any other is refused, never run with another meaning.
        floats: whether it is asked only when every operand is float32.
    """

    def declare(lowering: Lowering) -> Lowering:
        def checked(call: Call) -> list[Dispatch] | None:
            known = call.attrs.keys() <= set(knows)
            return lowering(call) if known and (call.floats or not floats) else None

        LOWERINGS.update(dict.fromkeys(verbs, checked))
        return lowering

    return declare


def lowers_many(
    *verbs: str, ordered: bool = False, takes: Callable[[Call], bool] = lambda call: True
) -> Callable[[Together], Together]:
    """Declare how any number of calls of these verbs, one after the other, are lowered together: see `Joint`.

    A verb that no other lowering is declared for is lowered so when it comes alone.
    """

    def declare(lowering: Together) -> Together:
        JOINT.update(dict.fromkeys(verbs, Joint(lowering, ordered, takes)))
        for verb in verbs:
            LOWERINGS.setdefault(verb, lambda call: lowering([call]) if call.floats and takes(call) else None)
        return lowering

    return declare
