"""Lowering of recurrent steps."""

from __future__ import annotations

from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread


def _step(name: str, state: int) -> None:
    @lowers(name)
    def step(call: Call) -> list[Dispatch]:
        hidden = call.input(state)
        words = [o.word for o in call.outputs] + [call.word(place) for place in range(len(call.inputs))]
        return [dispatch(name, hidden.size, hidden.shape[-1], *words, groups=spread(hidden.size))]


# With the place of an input that has the state's shape.
_step("lstm_step", 2)
_step("lstm_step_gradient", 5)
_step("gru_step", 2)
_step("gru_step_gradient", 4)
