"""Every listing of the guide, in its Python spelling, as a user would type it, checked for what it prints or finds."""

import contextlib
import io
import json
import math
import queue
import re
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

import loom_py as nn

RNG = np.random.default_rng(0)


def classifier(**options: int) -> nn.Network:
    layers = [nn.Dense(12, 16, "relu"), nn.Dense(16, 8, "relu"), nn.Dense(8, 3), nn.Softmax()]
    return nn.Network.of(12, layers, seed=options.get("seed", 0))


def samples(count: int) -> list[nn.Batch]:
    x = RNG.normal(size=(count, 12)).astype(np.float32)
    labels = np.abs(x[:, :3]).argmax(axis=1)
    return [nn.Batch(a, np.eye(3)[label]) for a, label in zip(x, labels, strict=True)]


def printed(run: object) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run()  # type: ignore[operator]
    return out.getvalue()


def test_discovering_methods() -> None:
    network = nn.Network(1024, 2, 2, 2)
    lines = []
    for m in network.get_methods():
        types = ", ".join(str(p.type) for p in m.parameters)
        lines.append(f"{m.method_name}({types}) → {', '.join(m.returns)}")
    text = "\n".join(lines)
    assert re.search(r"^forward_cpu\(ArrayLike, .*\) → ForwardResult$", text, re.MULTILINE)
    assert "\nbackward_cpu(ArrayLike) → BackwardResult\n" in text
    for name in ("train", "get_blueprint", "get_telemetry", "set_observer"):
        assert f"\n{name}(" in "\n" + text, name


def test_checking_for_specific_methods(no_gpu: None) -> None:
    network = nn.Network(1024, 2, 2, 2)
    assert not network.has_method("ForwardGPU")
    assert network.has_method("ForwardCPU") and network.has_method("forwardCPU") and network.has_method("forward_cpu")
    signature = network.get_method_signature("Train")
    assert signature == (
        "train(batches: Iterable[Batch], config: TrainingConfig | None = None, **options: Any) -> TrainingResult"
    )


def test_json_export(no_gpu: None) -> None:
    methods = json.loads(nn.Network(4).get_methods_json())
    forward = next(m for m in methods if m["method_name"] == "forward_cpu")
    assert forward["parameters"][0]["name"] == "x"
    assert forward["returns"] == ["ForwardResult"]
    gpu = next(m for m in methods if m["method_name"] == "forward_gpu")
    assert gpu["available"] is False and gpu["unavailable_reason"]
    assert all(isinstance(m["parameters"], list) and isinstance(m["returns"], list) for m in methods)


def test_blueprint_listing() -> None:
    network = nn.Network(1024, 2, 3, 2, seed=0)
    chain = [nn.Dense(1024, 512), nn.Dense(512, 256), nn.MultiHeadAttention(256, 8), nn.Dense(256, 128)]
    network = nn.Network((4, 1024), 2, 3, 2, seed=0)
    for index, layer in enumerate(chain):
        network.set_layer(index // 6, index // 2 % 3, index % 2, layer)
    blueprint = network.get_blueprint()
    grid = f"Grid: {blueprint.grid_rows}×{blueprint.grid_cols}, Layers/Cell: {blueprint.layers_per_cell}"
    assert grid == "Grid: 2×3, Layers/Cell: 2"
    assert blueprint.total_layers == 12
    assert blueprint.total_params == 524_800 + 131_328 + 263_168 + 32_896
    lines = [
        f"[{b.row},{b.col},{b.layer}] {b.type}: {b.input_shape[-1]} → {b.output_shape[-1]} ({b.num_params:,} params)"
        for b in blueprint.layers
    ]
    assert lines[:4] == [
        "[0,0,0] Dense: 1024 → 512 (524,800 params)",
        "[0,0,1] Dense: 512 → 256 (131,328 params)",
        "[0,1,0] MultiHeadAttention: 256 → 256 (263,168 params)",
        "[0,1,1] Dense: 256 → 128 (32,896 params)",
    ]


def test_live_telemetry() -> None:
    network = classifier()

    def lines() -> list[str]:
        telemetry = network.get_telemetry()
        assert re.fullmatch(r"Memory Usage: 0\.\d\d MB", f"Memory Usage: {telemetry.memory_usage / 1024 / 1024:.2f} MB")
        return [
            f"Layer {layer.index}: weights={layer.weight_norm:.4f}, gradients={layer.gradient_norm:.4f}, "
            f"activation=[{layer.activation_min:.2f}, {layer.activation_max:.2f}]"
            for layer in telemetry.layer_stats
        ]

    assert lines()[3] == "Layer 3: weights=0.0000, gradients=0.0000, activation=[nan, nan]"  # nothing has run yet
    network.forward_cpu(RNG.normal(size=(8, 12)))
    network.backward_cpu(np.ones((8, 3)))
    number = r"-?\d+\.\d\d"
    for line in lines():
        assert re.fullmatch(
            rf"Layer \d: weights={number}\d\d, gradients={number}\d\d, activation=\[{number}, {number}\]", line
        )
    assert lines()[3].startswith("Layer 3: weights=0.0000, gradients=0.0000, activation=[0.")


def test_console_observer() -> None:
    network = classifier()
    network.set_observer(nn.ConsoleObserver())
    lines = printed(lambda: network.forward_cpu(RNG.normal(size=(8, 12)))).splitlines()
    assert lines[0] == "[Layer 0] Dense: 12 → 16"
    assert re.fullmatch(r"  Output: mean=-?\d\.\d{4}, std=\d\.\d{4}, range=\[-?\d+\.\d\d, \d+\.\d\d\]", lines[1])
    assert re.fullmatch(r"  Time: \d+\.\d{3}ms", lines[2])
    assert lines[3] == "[Layer 1] Dense: 16 → 8"


def test_recording_observer(tmp_path: Path) -> None:
    network = classifier()
    observer = nn.RecordingObserver()
    network.set_observer(observer)
    for batch in samples(5):
        network.forward_cpu(batch.input)
    network.set_parameters({"1.weight": np.full((16, 8), 1e4)})
    network.forward_cpu(samples(1)[0].input)
    loud = {r.layer_index for r in observer.get_history() if r.output_max > 100}
    assert loud == {1, 2}
    observer.save_to_file(tmp_path / "training_recording.json")
    again = nn.RecordingObserver.load(tmp_path / "training_recording.json")
    assert [r.output_max for r in again.get_history()] == pytest.approx([r.output_max for r in observer.get_history()])


@pytest.mark.cpython
def test_channel_observer() -> None:
    network = classifier()
    stats_chan: queue.Queue[nn.LayerStats | None] = queue.Queue(1000)
    observer = nn.ChannelObserver(stats_chan)
    network.set_observer(observer)
    layer_means = defaultdict(list)

    def drain() -> None:
        for stats in iter(stats_chan.get, None):
            layer_means[stats.layer_index].append(stats.output_mean)

    consumer = threading.Thread(target=drain)
    consumer.start()
    for batch in samples(120):
        network.forward_cpu(batch.input)
    observer.close()
    stats_chan.put(None)
    consumer.join(10)
    assert sorted(layer_means) == [0, 1, 2, 3]
    assert all(len(means) == 120 for means in layer_means.values())


@pytest.mark.cpython
def test_http_observer() -> None:
    bodies: list[bytes] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        network = classifier()
        with nn.HTTPObserver(f"http://127.0.0.1:{server.server_port}/telemetry") as observer:
            network.set_observer(observer)
            network.train([nn.Batch(np.stack([b.input for b in samples(4)]), [0, 1, 2, 0])])
        assert observer.counters.delivered == observer.counters.produced > 8
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
    assert b"output_mean" in b"".join(bodies)


def test_training_event_handler() -> None:
    progress: list[int] = []
    lines: list[str] = []

    class MyObserver(nn.Observer):
        def on_training_event(self, event: nn.TrainingEvent) -> None:
            match event.type:
                case "epoch_end":
                    lines.append(f"Epoch {event.epoch} completed. Loss: {event.loss:.4f}")
                case "batch_end":
                    progress.append(event.batch)

    network = classifier()
    network.set_observer(MyObserver())
    data = samples(40)
    network.fit(np.stack([b.input for b in data]), np.stack([b.target for b in data]), nn.TrainingConfig(epochs=2))
    assert progress == [0, 1, 0, 1]
    assert re.fullmatch(r"Epoch 1 completed\. Loss: \d+\.\d{4}", lines[1])


def test_deviation_metrics_and_worst_samples() -> None:
    network = classifier()
    metrics = nn.DeviationMetrics()
    for sample in samples(30):
        output, _ = network.forward_cpu(sample.input)
        metrics.update(output, sample.target)
    assert re.fullmatch(r"Quality Score: \d+\.\d%", f"Quality Score: {metrics.score:.1f}%")
    worst = metrics.get_worst_samples(10)
    assert len(worst) == 10
    assert [s.deviation for s in worst] == sorted((s.deviation for s in worst), reverse=True)
    assert all(len(s.expected) == len(s.predicted) == 3 for s in worst)
    assert "Perfect" in metrics.report() and "Failed" in metrics.report()


def test_deviation_metrics_of_labels() -> None:
    network = classifier()
    metrics = nn.DeviationMetrics()
    for sample in samples(10):
        output, _ = network.forward_cpu(sample.input)
        label = int(np.argmax(sample.target))
        assert metrics.update(output, label) == pytest.approx(1 - output[label], abs=1e-6)
    assert 0 < metrics.score < 100
    assert metrics.confusion_matrix.sum() == 10


def test_healthy_layers_without_parameters_do_not_vanish() -> None:
    layers = [nn.Dense(12, 16), nn.Activation("relu"), nn.Flatten(), nn.Dropout(0.1), nn.Dense(16, 3), nn.Softmax()]
    network = nn.Network.of(12, layers, seed=0)
    observer = nn.RecordingObserver()
    network.set_observer(observer)
    network.fit(RNG.normal(size=(32, 12)), np.arange(32) % 3)
    history = observer.get_backward_history()
    assert len(history) == 6
    assert [record.layer_index for record in history if record.gradient_norm < 1e-6] == []


def test_vanishing_gradients_recipe() -> None:
    deep = [nn.Dense(12, 12, "sigmoid") for _ in range(12)]
    network = nn.Network.of(12, [*deep, nn.Dense(12, 3)], seed=0)
    observer = nn.RecordingObserver()
    network.set_observer(observer)
    output, _ = network.forward_cpu(RNG.normal(size=(16, 12)))
    network.backward_cpu(nn.cross_entropy_loss_grad(output, RNG.integers(0, 3, 16)).grad)
    vanishing = [r.layer_index for r in observer.get_backward_history() if r.gradient_norm < 1e-6]
    assert 0 in vanishing and 12 not in vanishing


def test_exploding_gradients_recipe() -> None:
    network = nn.Network.of(12, [*(nn.Dense(12, 12) for _ in range(6)), nn.Dense(12, 3)], seed=0)
    network.set_parameters({f"{i}.weight": np.eye(12) * 40 for i in range(6)})
    observer = nn.RecordingObserver()
    network.set_observer(observer)
    network.forward_cpu(np.ones((2, 12)))
    network.backward_cpu(np.ones((2, 3)))
    exploding = []
    for record in observer.get_history():
        if math.isnan(record.output_mean):
            raise AssertionError(f"Layer {record.layer_index} produces NaN")
        if record.gradient_norm > 100:
            exploding.append(record.layer_index)
    assert 0 in exploding
    network.set_parameters({f"{i}.weight": np.eye(12) * 3e38 for i in range(6)})
    observer.clear()
    network.forward_cpu(np.ones((2, 12)))
    bad = [r for r in observer.get_history() if math.isnan(r.output_mean)]
    assert bad and bad[0].nan_count + bad[0].inf_count > 0


def test_dead_relu_recipe() -> None:
    network = classifier()
    biases = np.where(np.arange(16) < 12, -100.0, 100.0)  # of 16 units 12 are dead
    network.set_parameters(
        {"0.bias": biases, "1.bias": np.full(8, 2000.0), "2.weight": np.zeros((8, 3)), "2.bias": np.ones(3)}
    )
    observer = nn.RecordingObserver()
    network.set_observer(observer)

    def count_zeros(values: np.ndarray) -> int:
        return sum(1 for value in values if value == 0)

    def recipe() -> None:
        for record in observer.get_history():
            zeros = count_zeros(record.output_values)
            ratio = zeros / len(record.output_values)
            assert ratio == record.zero_fraction
            if ratio > 0.5:
                print(f"Layer {record.layer_index} has {ratio * 100:.0f}% dead neurons")

    for size in ((12,), (1, 12), (16, 12)):
        observer.clear()
        network.forward_cpu(RNG.normal(size=size))
        assert printed(recipe) == "Layer 0 has 75% dead neurons\n"
    observer.clear()
    network.fit(RNG.normal(size=(64, 12)), np.arange(64) % 3, nn.TrainingConfig(epochs=2, learning_rate=1e-6))
    assert printed(recipe) == "Layer 0 has 75% dead neurons\n" * 4


def test_the_complete_monitoring_loop(tmp_path: Path) -> None:
    def train_with_monitoring(network: nn.Network, data: list[nn.Batch], test_data: list[nn.Batch]) -> None:
        observer = nn.RecordingObserver()
        network.set_observer(observer)
        metrics = nn.DeviationMetrics()
        blueprint = network.get_blueprint()
        print(f"Training MyModel with {blueprint.total_layers} layers, {blueprint.total_params} parameters")
        for epoch in range(4):
            for sample in data:
                output, _ = network.forward_cpu(sample.input)
                _, grad = nn.cross_entropy_loss_grad(output, sample.target)
                network.backward_cpu(grad)
                network.apply_gradients(0.05)
            for record in observer.get_history():
                if record.gradient_norm > 50:
                    print(f"Epoch {epoch}: High gradient at layer {record.layer_index}")
            observer.clear()
            for sample in test_data:
                output, _ = network.forward_cpu(sample.input)
                metrics.update(output, sample.target)
            print(f"Epoch {epoch}: Score={metrics.score:.1f}%")
            metrics.reset()
        telemetry = network.get_telemetry()
        print(f"Final memory usage: {telemetry.memory_usage / 1024 / 1024:.2f} MB")
        observer.save_to_file(tmp_path / "training_history.json")

    lines = printed(lambda: train_with_monitoring(classifier(), samples(150), samples(40))).splitlines()
    assert lines[0] == "Training MyModel with 4 layers, 371 parameters"
    scores = [float(found[1]) for line in lines if (found := re.fullmatch(r"Epoch \d: Score=(\d+\.\d)%", line))]
    assert len(scores) == 4 and scores[-1] > scores[0]
    assert re.fullmatch(r"Final memory usage: 0\.\d\d MB", lines[-1])
    assert nn.RecordingObserver.load(tmp_path / "training_history.json").get_history()
