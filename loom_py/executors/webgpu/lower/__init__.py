"""Lowering: the dispatches of each instruction of a Program, or None where no kernel covers it."""

from loom_py.executors.webgpu.lower import (
    attention,
    elementwise,
    lookup,
    loss,
    matmul,
    move,
    recurrent,
    reduce,
    scalars,
    softmax,
    statistics,
    target,
    update,
    windows,
)
from loom_py.executors.webgpu.lower.call import JOINT as JOINT
from loom_py.executors.webgpu.lower.call import LOWERINGS as LOWERINGS
from loom_py.executors.webgpu.lower.call import Call as Call
from loom_py.executors.webgpu.lower.call import Operand as Operand
from loom_py.executors.webgpu.plan import Dispatch

# Importing them fills LOWERINGS.
assert all((attention, elementwise, lookup, loss, matmul, move, recurrent))
assert all((reduce, scalars, softmax, statistics, target, update, windows))


def lower(verb: str, call: Call) -> list[Dispatch] | None:
    """The dispatches of one instruction, or None when this verb, these types or this many axes have no kernel."""
    lowering = LOWERINGS.get(verb)
    return None if lowering is None else lowering(call)
