"""A character LSTM and a transformer of two blocks learn a small text as PyTorch does: one loss curve, within 1 %."""

from __future__ import annotations

import numpy as np
import pytest

from loom_py import Adam, AdamW, Batch, Network, Observer, ParameterGroup, TrainingConfig, TrainingEvent
from loom_py.layers import from_config
from tests.golden import text
from tests.golden.loader import Golden, load

CONFIGS = {
    "lstm": TrainingConfig(learning_rate=0.01, optimizer=Adam()),
    "transformer": TrainingConfig(
        learning_rate=0.003,
        optimizer=AdamW(weight_decay=0.1),
        groups=(ParameterGroup(axes="vectors", weight_decay=0.0),),
        gradient_clip=1.0,
    ),
}


class Curve(Observer):
    def __init__(self) -> None:
        self.losses: list[float] = []
        self.accuracies: list[float] = []

    def on_training_event(self, event: TrainingEvent) -> None:
        if event.type == "batch_end":
            assert event.loss is not None and event.accuracy is not None
            self.losses.append(event.loss)
            self.accuracies.append(event.accuracy)


@pytest.mark.parametrize("case", load("text"), ids=lambda case: case.line["name"])
def test_loss_falls_as_pytorchs_does(case: Golden) -> None:
    name = case.line["name"]
    assert case.line["layers"] == text.MODELS[name](text.characters()[1])
    net = Network.of(text.TIME, [from_config(config) for config in case.line["layers"]], seed=0)
    net.set_parameters({path: text.start(path, value.shape) for path, value in net.parameters().items()})
    curve = Curve()
    net.set_observer(curve)
    net.train([Batch(x, y) for x, y in zip(*text.batches(), strict=True)], CONFIGS[name])
    wanted = case.arrays["losses"]
    np.testing.assert_allclose(curve.losses, wanted, rtol=0.01)
    assert wanted[-10:].mean() < 0.6 * wanted[0], "expected PyTorch to learn, or the comparison says little"
    assert np.mean(curve.accuracies[-10:]) > 0.25  # the commonest character is 0.16 of the text
