"""Calls, the input of lowerings, and the declaration of lowerings."""

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
    """A contiguous array in the heap, in words of 32 bits (two for each number of a float64)."""

    word: int
    shape: Shape
    dtype: np.dtype[Any]


Row = tuple[int, ...]
Finish = Callable[[Callable[[AnyArray], int], Sequence[Row]], list[Dispatch]]
"""Makes the final dispatches of several calls from a row of each; the first argument is `Call.table`."""
Chooser = Callable[[Product, Callable[[Variant, int], list[Dispatch]]], Variant]


def by_rule(product: Product, _make: Callable[[Variant, int], list[Dispatch]]) -> Variant:
    """The variant by rule, without measuring."""
    return choose(product)


def without_barriers(product: Product, _make: Callable[[Variant, int], list[Dispatch]]) -> Variant:
    """The variant for software renderers."""
    return plainest(product)


@dataclass(slots=True)
class Call:
    """One instruction to lower: operands, attributes, and access to memory and to the device's profile."""

    outputs: tuple[Operand, ...]
    inputs: tuple[Operand | None, ...]
    attrs: Mapping[str, Any]
    scratch: Callable[[int], int]
    """Allocate n words of scratch; returns the word offset. Uninitialised."""
    table: Callable[[AnyArray], int]
    """Upload constant numbers of four bytes; returns the word offset. The same array is uploaded once."""
    choose: Chooser
    """Choose the variant of a matrix product, from its shape and a function that makes a variant's dispatches."""
    profile: DeviceProfile
    """How reductions are divided among the device's lanes."""
    verb: str = ""
    """Name of the verb."""
    later: Callable[[Finish, Row], list[Dispatch]] = lambda finish, row: []
    """Defer a row to final dispatches that several calls share; returns the dispatches that can't be deferred."""

    def given(self, place: int) -> Operand | None:
        """An optional input."""
        return self.inputs[place] if place < len(self.inputs) else None

    def input(self, place: int) -> Operand:
        """A required input."""
        operand = self.inputs[place]
        assert operand is not None
        return operand

    def word(self, place: int) -> int:
        """Word offset of an input."""
        return self.input(place).word

    @property
    def operands(self) -> Iterator[Operand]:
        """All operands that are present."""
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
    """A lowering of several calls at once, for small verbs that come in groups.

    Attributes:
        ordered: whether the lowering keeps the calls' order; otherwise none may read what another writes.
        takes: whether it applies to a call; operands are float32 and not empty.
    """

    lowering: Together
    ordered: bool
    takes: Callable[[Call], bool]


LOWERINGS: dict[str, Lowering] = {}
"""Lowering of each verb."""
JOINT: dict[str, Joint] = {}
"""Joint lowering of each verb that has one."""


def lowers(*verbs: str, knows: tuple[str, ...] = (), floats: bool = True) -> Callable[[Lowering], Lowering]:
    """Declare a lowering: a function from a Call to its dispatches, or None where it does not cover the call.

    Args:
        verbs: names of the verbs.
        knows: attributes that it supports; an instruction with any other is refused.
        floats: whether it requires every operand to be float32.
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
    """Declare a joint lowering of consecutive calls of these verbs; see `Joint`.

    It also serves single calls of verbs that have no lowering of their own.
    """

    def declare(lowering: Together) -> Together:
        JOINT.update(dict.fromkeys(verbs, Joint(lowering, ordered, takes)))
        for verb in verbs:
            LOWERINGS.setdefault(verb, lambda call: lowering([call]) if call.floats and takes(call) else None)
        return lowering

    return declare
