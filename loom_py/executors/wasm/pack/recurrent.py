"""Packing of recurrent steps."""

from __future__ import annotations

from loom_py.executors.wasm.pack.call import Call, operation, packs


def _step(name: str, state: int) -> None:
    @packs(name)
    def pack(call: Call) -> list[int]:
        hidden = call.input(state)
        n = hidden.shape[-1]
        addresses = [o.address for o in call.outputs] + [call.input(place).address for place in range(len(call.inputs))]
        return operation(name, *addresses, hidden.size // n, n)


# With the place of an input that has the state's shape.
_step("lstm_step", 2)
_step("lstm_step_gradient", 5)
_step("gru_step", 2)
_step("gru_step_gradient", 4)
