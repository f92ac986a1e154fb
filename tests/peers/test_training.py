"""The same MLP trained by PyTorch and by us, from the same weights, on the same batches: one loss curve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is in .venv-peers: npm run goldens -- --peers")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from loom_py import SGD, Adam, AdamW, Batch, Dense, Lion, Network, Observer, RMSProp, TrainingConfig  # noqa: E402
from tests.golden.make.optimizers import Lion as TorchLion  # noqa: E402

torch.set_num_threads(1)  # arrays this small only lose by being shared out
EPOCHS, BATCH, CLASSES = 40, 30, 3


def spirals() -> tuple[Any, Any]:
    """Three arms of 100 points that no straight line parts."""
    rng = np.random.default_rng(11)
    label = np.repeat(np.arange(CLASSES), 100)
    radius = np.tile(np.linspace(0.05, 1, 100), CLASSES)
    angle = 4 * radius + 2 * np.pi * label / CLASSES + 0.1 * rng.standard_normal(label.size)
    order = rng.permutation(label.size)
    points = radius[:, None] * np.stack((np.cos(angle), np.sin(angle)), -1)
    return points[order].astype(np.float32), label[order].astype(np.int32)


class Curve(Observer):
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_training_event(self, event: Any) -> None:
        if event.type == "batch_end":
            self.losses.append(event.loss)


def theirs(net: Network, batches: list[Batch], optimizer: Callable[[Any], Any]) -> tuple[list[float], dict[str, Any]]:
    """PyTorch's losses and final parameters, from the network's initial ones."""
    start = net.parameters()
    linears = [nn.Linear(*start[f"{i}.weight"].shape) for i in range(3)]
    for index, linear in enumerate(linears):
        linear.weight.data = torch.from_numpy(start[f"{index}.weight"].T.copy())
        linear.bias.data = torch.from_numpy(start[f"{index}.bias"])
    model = nn.Sequential(linears[0], nn.Tanh(), linears[1], nn.GELU(), linears[2])
    steps = optimizer(model.parameters())
    losses = []
    for _ in range(EPOCHS):
        for batch in batches:
            steps.zero_grad()
            loss = F.cross_entropy(model(torch.from_numpy(batch.input)), torch.from_numpy(batch.target).long())
            loss.backward()
            steps.step()
            losses.append(loss.item())
    final = {f"{i}.weight": linear.weight.detach().numpy().T for i, linear in enumerate(linears)}
    return losses, final


CASES = {
    "sgd": (0.3, SGD(), lambda p: torch.optim.SGD(p, lr=0.3)),
    "momentum": (0.1, SGD(momentum=0.9, nesterov=True), lambda p: torch.optim.SGD(p, 0.1, 0.9, nesterov=True)),
    "adam": (0.01, Adam(), lambda p: torch.optim.Adam(p, lr=0.01)),
    "adamw": (0.01, AdamW(weight_decay=0.1), lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
    "rmsprop": (0.003, RMSProp(), lambda p: torch.optim.RMSprop(p, lr=0.003)),
    "lion": (0.001, Lion(), lambda p: TorchLion(p, lr=0.001)),
}


@pytest.mark.parametrize("name", CASES)
def test_same_loss_curve(name: str) -> None:
    rate, ours, optimizer = CASES[name]
    x, y = spirals()
    batches = [Batch(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH)]
    net = Network.of(2, [Dense(2, 24, "tanh"), Dense(24, 24, "gelu"), Dense(24, CLASSES)], seed=5)
    wanted, final = theirs(net, batches, optimizer)
    curve = Curve()
    net.set_observer(curve)
    net.train(batches, TrainingConfig(epochs=EPOCHS, learning_rate=rate, optimizer=ours))
    assert np.mean(wanted[-10:]) < 0.7 * wanted[0], "expected PyTorch to learn, or the comparison says little"
    np.testing.assert_allclose(curve.losses, wanted, rtol=1e-3)
    mine = net.parameters()
    for path, value in final.items():
        np.testing.assert_allclose(mine[path], value, atol=1e-3 * np.abs(value).max(), err_msg=path)
