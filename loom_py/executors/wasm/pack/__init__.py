"""Packing: the words of each instruction for the virtual machine, or None where no kernel covers it."""

from loom_py.executors.wasm.pack import (
    attention,
    elementwise,
    lookup,
    loss,
    matmul,
    move,
    recurrent,
    reduce,
    softmax,
    statistics,
    target,
    update,
    windows,
)
from loom_py.executors.wasm.pack.call import PACKERS as PACKERS
from loom_py.executors.wasm.pack.call import Call as Call
from loom_py.executors.wasm.pack.call import Operand as Operand
from loom_py.executors.wasm.pack.call import operation as operation

# Importing them fills PACKERS.
assert all(
    (
        attention, elementwise, loss, lookup, matmul, move, recurrent, reduce, softmax, statistics, target, update,
        windows,
    )
)  # fmt: skip


def pack(verb: str, call: Call) -> list[int] | None:
    """The words of one instruction, or None when this verb, these types or this many axes have no kernel."""
    packer = PACKERS.get(verb)
    return None if packer is None else packer(call)
