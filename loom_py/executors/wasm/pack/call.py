"""Calls, the input of packers, and the encoding of words."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from loom_py.executors.strides import Contiguous
from loom_py.executors.wasm.opcodes import OPCODES
from loom_py.shapes import AnyArray, Shape

NUMBERS = {name: number for number, name in enumerate(OPCODES)}


@dataclass(frozen=True, slots=True)
class Operand(Contiguous):
    """A contiguous array at its address."""

    address: int
    shape: Shape
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
        return self.size * self.dtype.itemsize


@dataclass(slots=True)
class Call:
    """One instruction to pack: operands, attributes, working memory, and tables to keep alive."""

    outputs: tuple[Operand, ...]
    inputs: tuple[Operand | None, ...]
    attrs: Mapping[str, Any]
    scratch: int
    workspace: Callable[[int], int]
    """Address of n bytes, besides `scratch`, that any instruction may use while it runs."""
    kept_alive: list[Any]

    def address(self, place: int) -> int:
        """Address of an input; 0 if it is missing."""
        operand = self.inputs[place] if place < len(self.inputs) else None
        return 0 if operand is None else operand.address

    def input(self, place: int) -> Operand:
        """A required input."""
        operand = self.inputs[place]
        assert operand is not None
        return operand

    def keep(self, array: AnyArray) -> int:
        """Address of a table, kept alive with the Program."""
        self.kept_alive.append(array)
        return address_of(array)

    @property
    def floats(self) -> bool:
        """Whether all operands are float32."""
        return all(o.is_float for o in (*self.outputs, *self.inputs) if o is not None)


Packer = Callable[[Call], list[int] | None]
PACKERS: dict[str, Packer] = {}
"""Packer of each verb."""


def packs(*verbs: str, knows: tuple[str, ...] = (), floats: bool = True) -> Callable[[Packer], Packer]:
    """Declare a packer.

    Args:
        verbs: names of the verbs.
        knows: attributes that it supports; an instruction with any other is left to NumPy.
        floats: whether it requires every operand to be float32.
    """

    def declare(packer: Packer) -> Packer:
        def checked(call: Call) -> list[int] | None:
            known = call.attrs.keys() <= set(knows)
            return packer(call) if known and (call.floats or not floats) else None

        PACKERS.update(dict.fromkeys(verbs, checked))
        return packer

    return declare


def operation(name: str, *words: int) -> list[int]:
    """One operation of the virtual machine: its number, its length, its words."""
    return [NUMBERS[name], len(words) + 2, *words]


def float_word(value: float) -> int:
    """The bits of a float32."""
    return int(struct.unpack("<i", struct.pack("<f", np.float32(value)))[0])


def double_words(value: float) -> tuple[int, int]:
    """The bits of a float64, low half first."""
    low, high = struct.unpack("<ii", struct.pack("<d", value))
    return low, high


def address_of(array: AnyArray) -> int:
    """Address of an array's first element."""
    return int(array.__array_interface__["data"][0])
