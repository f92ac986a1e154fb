"""watch_torch: PyTorch's runs observed as ours, without changing a bit of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is in .venv-peers: npm run goldens -- --peers")

from torch import nn  # noqa: E402

import loom_py as loom  # noqa: E402
from loom_py import ops  # noqa: E402
from loom_py.telemetry.events import LayerStats  # noqa: E402
from loom_py.telemetry.statistics import LAYER_STATISTICS  # noqa: E402
from loom_py.watch.rows import Row, Wanted, read_all  # noqa: E402

ROWS: dict[str, Any] = {
    "usual": np.random.default_rng(0).normal(size=(16, 5)),
    "far from 0": np.random.default_rng(1).normal(1000, 0.1, (64, 3)),
    "beyond squares": np.array([[1e30, -3e38], [2e30, 0]]),
    "tiny": np.array([[1e-30, -2e-30], [3e-30, 0]]),
    "not finite": np.array([[np.nan, 1.0], [np.inf, -np.inf], [2.0, 0.0]]),
    "nothing finite": np.array([[np.nan, np.inf]]),
    "dead": np.array([[0.0, 1, 0], [0, 0, 0]]),
    "empty": np.zeros((0, 3)),
}


def read(row: Row) -> dict[str, float]:
    return row.read(read_all(row.tensors()))


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_that_of_the_verb(name: str) -> None:
    x = ROWS[name].astype(np.float32)
    wanted = dict(zip(ops.STAT_FIELDS, np.asarray(ops.stats(x, unit_axis=1)).tolist(), strict=True))
    got = read(Row(torch.from_numpy(x), 1, Wanted()))
    if not x.size:
        got.pop("dead_units"), wanted.pop("dead_units")
    np.testing.assert_allclose([got[key] for key in wanted], list(wanted.values()), rtol=1e-5, atol=1e-12)


def test_a_layer_that_runs_in_parts_has_the_row_of_the_whole() -> None:
    x = np.random.default_rng(2).normal([3, 0, -500], [1, 0, 2], (24, 3)).astype(np.float32)
    x[5, 0], x[20, 2] = np.nan, np.inf
    row = Row(torch.from_numpy(x[:10]), 1, Wanted())
    for part in (x[10:11], x[11:]):
        row.add(torch.from_numpy(part), 1)
    whole = read(Row(torch.from_numpy(x), 1, Wanted()))
    np.testing.assert_allclose(list(read(row).values()), list(whole.values()), rtol=1e-5)
    assert whole["dead_units"] == 1


def images(count: int = 96) -> tuple[Any, Any]:
    x = np.random.default_rng(3).normal(size=(count, 1, 8, 8)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy((x[:, 0, :, :4].sum((1, 2)) > x[:, 0, :, 4:].sum((1, 2))).astype(int))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(36, 2),
    )  # fmt: skip


def train(
    model: nn.Module, data: tuple[Any, Any], *observers: loom.Observer, rate: float = 0.05, epochs: int = 2,
    optimizer: Callable[..., Any] = torch.optim.SGD, criterion: nn.Module | None = None, **options: Any,
) -> None:  # fmt: skip
    """The loop that people write."""
    criterion, update = criterion or nn.CrossEntropyLoss(), optimizer(model.parameters(), lr=rate)
    watch = loom.watch_torch(model, update, *observers, loss=criterion, **options) if observers else None
    x, y = data
    for _ in range(epochs):
        for start in range(0, len(x), 16):
            update.zero_grad()
            criterion(model(x[start : start + 16]), y[start : start + 16]).backward()
            update.step()
        if watch is not None:
            watch.end_epoch()
    if watch is not None:
        watch.close()


def test_a_watched_run_gives_the_same_bits_and_leaves_no_hook() -> None:
    found = []
    for observers in ((), (loom.RecordingObserver(histograms=True, output_values=True),)):
        torch.manual_seed(0)
        model = cnn()
        train(model, images(), *observers, optimizer=torch.optim.Adam)
        found.append(model.state_dict())
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_the_records_are_those_of_our_own_network() -> None:
    """One step of SGD from the same weights on the same batch."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
    layers = [
        loom.Conv2D(1, 3, 3), loom.Activation("relu"), loom.Flatten(), loom.Dense(108, 2)
    ]  # fmt: skip
    ours = loom.Network.of((1, 8, 8), layers)
    from safetensors.torch import save

    ours.load_torch_weights(save(model.state_dict()))
    x, y = images(16)
    theirs, own = loom.RecordingObserver(), loom.RecordingObserver()
    train(model, (x, y), theirs, rate=0.1, epochs=1)
    ours.set_observer(own)
    config = {"epochs": 1, "learning_rate": 0.1, "optimizer": "sgd", "batch_size": 16, "shuffle": False}
    ours.fit(x.numpy(), y.numpy(), config)
    records = [[r for r in found.get_records() if isinstance(r, LayerStats)] for found in (theirs, own)]
    assert [(r.phase, r.layer_index) for r in records[0]] == [(r.phase, r.layer_index) for r in records[1]]
    compared = [s.name for s in LAYER_STATISTICS if s.name not in ("compute_time_ns", "input_gradient_norm")]
    for got, wanted in zip(*records, strict=True):
        assert got.output_shape == wanted.output_shape
        for name in compared:
            np.testing.assert_allclose(
                float("nan") if getattr(got, name) is None else getattr(got, name),
                float("nan") if getattr(wanted, name) is None else getattr(wanted, name),
                rtol=2e-4, atol=1e-7, err_msg=f"{got.phase} {got.path} {name}",
            )  # fmt: skip
        for name, norms in got.parameters.items():
            np.testing.assert_allclose(norms.gradient_norm, wanted.parameters[name].gradient_norm, rtol=2e-4)
    events = [[e for e in found.get_training_history() if e.type == "batch_end"] for found in (theirs, own)]
    assert [e.step for e in events[0]] == [e.step for e in events[1]]
    np.testing.assert_allclose([e.loss for e in events[0]], [e.loss for e in events[1]], rtol=1e-5)
    np.testing.assert_allclose([e.gradient_norm for e in events[0]], [e.gradient_norm for e in events[1]], rtol=1e-4)


def test_a_step_may_have_several_passes_and_gradients_are_those_before_clipping() -> None:
    torch.manual_seed(2)
    model, whole = nn.Linear(4, 1), nn.Linear(4, 1)
    whole.load_state_dict(model.state_dict())
    x, y = torch.randn(12, 4), torch.randn(12, 1)
    recordings = []
    for net, parts in ((model, 3), (whole, 1)):
        recordings.append(loom.RecordingObserver())
        update = torch.optim.SGD(net.parameters(), lr=0.1)
        with loom.watch_torch(net, update, recordings[-1]) as watch:
            for part, target in zip(x.chunk(parts), y.chunk(parts), strict=True):
                loss = nn.functional.mse_loss(net(part), target) / parts
                loss.backward()
            watch.log(loss=loss)
            nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
            update.step()
    (parts,), (one,) = [r.get_backward_history() for r in recordings]
    assert one.gradient_norm > 0.1
    np.testing.assert_allclose(parts.gradient_norm, one.gradient_norm, rtol=1e-5)
    np.testing.assert_allclose(one.update_ratio * np.hypot(one.weight_norm, one.bias_norm), 1e-4, rtol=1e-2)
    np.testing.assert_allclose(parts.output_std, one.output_std, rtol=1e-4)


def test_gradients_of_mixed_precision_are_divided_by_the_scale() -> None:
    torch.manual_seed(3)
    model = nn.Linear(4, 1)
    scaler, recording = torch.amp.GradScaler("cpu", init_scale=1024.0), loom.RecordingObserver()
    update = torch.optim.SGD(model.parameters(), lr=0.1)
    with loom.watch_torch(model, update, recording, scaler=scaler):
        loss = model(torch.ones(2, 4)).square().mean()
        scaler.scale(loss).backward()
        scaler.step(update)
        scaler.update()
    (record,) = recording.get_backward_history()
    wanted = torch.linalg.vector_norm(torch.cat([p.grad.flatten() for p in model.parameters()]))
    np.testing.assert_allclose(record.gradient_norm, wanted, rtol=1e-5)
    np.testing.assert_allclose(
        abs(record.output_max), float(loss.detach().sqrt()), rtol=1e-4
    )  # d mean(y²) / dy, two samples


def test_modules_of_every_kind_have_records() -> None:
    class Everything(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(11, 8)
            self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
            self.lstm = nn.LSTM(8, 8, batch_first=True)
            self.shared = nn.Linear(8, 8)
            self.unused = nn.Linear(3, 3)
            self.head = nn.Linear(8, 2)

        def forward(self, ids: Any) -> Any:
            x, _ = self.lstm(self.block(self.embed(ids)))
            return self.head(self.shared(torch.tanh(self.shared(x)))[:, -1])

    torch.manual_seed(4)
    recording, model = loom.RecordingObserver(), Everything()
    train(model, (torch.randint(0, 11, (32, 6)), torch.randint(0, 2, (32,))), recording, epochs=1)
    paths = {stats.path for stats in recording.get_backward_history()}
    assert {"embed", "block.self_attn", "block.linear1", "block.norm2", "lstm", "shared", "head"} <= paths
    assert not paths & {"unused", "block"}
    shared = [stats for stats in recording.get_history() if stats.path == "shared"]
    assert [stats.step for stats in shared] == [0, 1]
    blueprint = recording.header.blueprint
    assert [layer["path"] for layer in blueprint["layers"]][:2] == ["embed", "block.self_attn"]
    assert blueprint["total_params"] == sum(p.numel() for p in model.parameters())


def test_only_training_is_measured_and_only_when_due() -> None:
    recording, model = loom.RecordingObserver(every=3, layers=["3"], output_values=False), nn.Sequential(
        nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2)
    )  # fmt: skip
    update = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.ones(8, 4)
    with loom.watch_torch(model, update, recording) as watch:
        for _ in range(7):
            model(x).sum().backward()
            update.step()
            with torch.no_grad():
                model(x)
            model.eval()
            model(x)
            model.train()
        watch.validation(loss=0.5, accuracy=0.75)
    assert [stats.step for stats in recording.get_history()] == [0, 3, 6]
    assert {stats.path for stats in recording.get_history()} == {"3"}
    kinds = [event.type for event in recording.get_training_history()]
    assert kinds == ["train_start", *["batch_end"] * 7, "validation", "train_end"]
    model(x).sum().backward()
    update.step()
    assert len(recording.get_training_history()) == 10


class NotANumber(nn.Module):
    def forward(self, x: Any) -> Any:
        return x / (x - x).mean()


def dead() -> nn.Module:
    model = mlp(nn.ReLU())
    nn.init.constant_(model[1].bias, -50.0)
    return model


def mlp(*middle: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), *middle, nn.Linear(16, 2))


SICK: dict[str, tuple[Callable[[], nn.Module], float, str, str | None]] = {
    "NaN": (lambda: mlp(NotANumber()), 0.1, "nan_origin", "2"),
    "dead ReLU": (dead, 0.1, "dead_relu", "2"),
    "rate too high": (lambda: mlp(nn.Tanh()), 300.0, "update_ratio", None),
}


@pytest.mark.parametrize("name", SICK)
def test_a_sick_run_is_diagnosed(name: str) -> None:
    make, rate, rule, layer = SICK[name]
    torch.manual_seed(5)
    recording = loom.RecordingObserver()
    train(make(), images(160), recording, rate=rate, epochs=8)
    first = loom.diagnose(recording)[0]
    assert first.rule == rule
    assert layer is None or first.layer == layer


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_a_healthy_run_is_not(optimizer: Callable[..., Any]) -> None:
    torch.manual_seed(6)
    recording = loom.RecordingObserver()
    train(cnn(), images(512), recording, optimizer=optimizer, rate=0.02, epochs=6)
    assert [f for f in loom.diagnose(recording) if f.severity != "info"] == []


def test_what_cant_be_watched_is_refused() -> None:
    model = nn.Linear(2, 2)
    update, watcher = torch.optim.SGD(model.parameters(), lr=0.1), loom.RecordingObserver()
    with pytest.raises(loom.ConfigError, match=r"model: expected a torch.nn.Module, got Network"):
        loom.watch_torch(loom.Network.of(2, [loom.Dense(2, 2)]), update, watcher)
    with pytest.raises(loom.ConfigError, match="optimizer: expected the arrays of the model, got others"):
        loom.watch_torch(nn.Linear(2, 2), update, watcher)
    with pytest.raises(loom.ConfigError, match="observers: expected at least one"):
        loom.watch_torch(model, update)
    with pytest.raises(loom.ConfigError, match="loss: expected the module"):
        loom.watch_torch(model, update, watcher, loss=nn.functional.mse_loss)
    with pytest.raises(loom.UnavailableError, match="compiled"):
        loom.watch_torch(torch.compile(model, backend="eager"), update, watcher)
    with pytest.raises(loom.UnavailableError, match="DataParallel"):
        loom.watch_torch(nn.DataParallel(model), update, watcher)
    assert not model._forward_hooks


def test_the_example_of_the_documentation_prints_its_finding(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pytorch.md").read_text(encoding="utf-8")
    example, printed = re.findall(r"```(?:python|text)\n(.*?)```", page, re.DOTALL)
    exec(compile(example, "docs/pytorch.md", "exec"), {})
    assert capsys.readouterr().out.startswith(printed.split("1.2e-07")[0])
