"""A mask is refused where a layer would compute with the padding, or no layer uses it."""

import numpy as np
import pytest

import loom_py as loom

MASK = np.arange(6) < np.full((2, 1), 4)
KINDS = {
    "RNN": loom.RNN(4, 3),
    "GRU": loom.GRU(4, 3),
    "LSTM": loom.LSTM(4, 3),
    "Conv1D": loom.Conv1D(6, 2, 3),
    "MaxPool1D": loom.MaxPool1D(2),
    "AvgPool1D": loom.AvgPool1D(2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_that_computes_with_padding_is_named(kind: str) -> None:
    nested = loom.Sequential([loom.MultiHeadAttention(4, 2), KINDS[kind]])
    net = loom.Network.of((6, 4), [nested], seed=0)
    with pytest.raises(loom.DataError, match=rf"mask: expected .*, got {kind} at layer 0\..*; give"):
        net.forward(np.ones((2, 6, 4)), mask=MASK)


def test_a_mask_that_no_layer_uses_is_refused_everywhere() -> None:
    net = loom.Network.of((6, 4), [loom.Dense(4, 3)], seed=0)
    x, y = np.ones((2, 6, 4)), np.zeros((2, 6), int)
    before = net.parameters()
    held_out = loom.TrainingConfig(validation=loom.Batch(x, y, MASK))
    for call in (
        lambda: net.forward(x, mask=MASK),
        lambda: net.forward_cpu(x, mask=MASK),
        lambda: net.fit(x, y, mask=MASK),
        lambda: net.train([loom.Batch(x, y, MASK)]),
        lambda: net.evaluate(x, y, mask=MASK),
        lambda: net.fit(x, y, held_out),
    ):
        with pytest.raises(loom.DataError, match="expected a layer that uses it"):
            call()
    assert all(np.array_equal(value, before[name]) for name, value in net.parameters().items())
