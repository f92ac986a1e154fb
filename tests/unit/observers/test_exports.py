"""Exports of a recording, each checked with the reader of the tool it is for, or by its published format."""

import csv
import io
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loom_py import Dense, Network, TweenConfig, TweenTrainer
from loom_py.errors import ConfigError, FileFormatError
from loom_py.observers import RecordingObserver, TensorBoardObserver
from loom_py.observers.formats.tfevents import crc32c


@pytest.fixture
def recording(deliver, make_event):
    recording = RecordingObserver()
    deliver(recording, 6, nan_at=4)
    recording.on_training_event(make_event("anomaly", step=5, path="0", text="7 NaN in Dense"))
    return recording


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_crc32c_check_value():
    assert crc32c(b"123456789") == 0xE3069283  # catalogued check value of CRC-32/ISCSI


def read_scalars(folder):
    accumulator_module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = accumulator_module.EventAccumulator(str(folder))
    accumulator.Reload()
    return {tag: [(e.step, e.value) for e in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


@pytest.mark.cpython
@pytest.mark.filterwarnings("ignore")  # what TensorBoard itself imports
def test_tensorboard_reads_every_scalar_back(recording, tmp_path):
    path = recording.export(tmp_path / "run", "tensorboard")
    assert path.name.startswith("events.out.tfevents.")
    scalars = read_scalars(tmp_path / "run")
    means = scalars["output_mean/0 Dense"]
    assert means[:4] == [(0, 0.125), (1, 0.25), (2, 0.375), (3, 0.5)]
    assert [math.isnan(value) for _, value in means[4:]] == [True, True]
    assert scalars["gradient_norm/1 Dense"][4] == (4, math.inf)
    assert scalars["nan_count/0 Dense"][-1] == (5, 7.0)
    assert scalars["train/loss"][:2] == [(1, 1.0), (2, 0.5)]
    assert math.isnan(scalars["train/loss"][4][1])
    assert not any(tag.startswith("train/accuracy") for tag in scalars)  # never measured, never written


@pytest.mark.cpython
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_observer_writes_the_same_live(recording, deliver, make_stats, tmp_path):
    with TensorBoardObserver(tmp_path / "live") as observer:
        deliver(observer, 6, nan_at=4)
        observer.on_layer_forward(0, make_stats(path="x", step=2**40, output_max=1e300, output_min=-1e300))
    observer.close()
    observer.on_layer_forward(0, make_stats())  # after close: nothing
    recording.export(tmp_path / "export", "tensorboard")
    live, exported = read_scalars(tmp_path / "live"), read_scalars(tmp_path / "export")
    assert {tag: repr(v) for tag, v in exported.items()}.items() <= {tag: repr(v) for tag, v in live.items()}.items()
    assert live["output_max/x Dense"] == [(2**40, math.inf)]
    assert live["output_min/x Dense"] == [(2**40, -math.inf)]


@pytest.mark.cpython
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_histograms_of_a_real_network(tmp_path):
    accumulator_module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    net = Network.of(6, [Dense(6, 5, "relu"), Dense(5, 3)], seed=0)
    x = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)
    values = RecordingObserver(histograms=True, output_values=True)
    net.add_observer(values)
    with TensorBoardObserver(tmp_path, histograms=True) as live:
        net.add_observer(live)
        net.forward(x)
        x[:] = np.nan
        live.on_layer_forward(0, replace(values.get_history()[0], histogram=(0,) * 129, path="nothing"))
    accumulator = accumulator_module.EventAccumulator(str(tmp_path))
    accumulator.Reload()
    assert sorted(accumulator.Tags()["histograms"]) == ["output/0 Dense", "output/1 Dense"]
    output = values.get_history()[0].output_values
    (event,) = accumulator.Histograms("output/0 Dense")
    found = event.histogram_value
    assert (found.num, found.min, found.max) == (output.size, output.min(), output.max())
    np.testing.assert_allclose(found.sum, output.sum(), rtol=1e-5)
    np.testing.assert_allclose(found.sum_squares, np.square(output).sum(), rtol=1e-5)
    truth, low = [], -np.inf
    for limit in found.bucket_limit:
        truth.append(int(((output > low) & (output <= limit)).sum()))
        low = limit
    assert [int(n) for n in found.bucket] == truth
    assert sum(truth) == output.size


@pytest.mark.parametrize("format", ["tensorboard", "trace", "otlp", "csv"])
def test_an_export_that_is_interrupted_leaves_no_file(format, recording, tmp_path, monkeypatch):
    records = recording.get_records()[:3]

    def interrupted():
        yield from records
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recording.export(tmp_path / "a", format)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_tensorboard_folder_that_is_a_file(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="taken"):
        TensorBoardObserver(tmp_path / "taken")


def test_trace_is_a_chrome_trace_whose_slices_nest(recording, tmp_path):
    trace = strict(recording.export(tmp_path / "trace.json", "trace").read_text())
    events = trace["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    assert len(slices) == 24
    assert {"pid", "tid", "ts", "dur", "name", "cat", "args"} <= slices[0].keys()
    for track in {event["tid"] for event in slices}:
        ordered = sorted((e["ts"], e["ts"] + e["dur"]) for e in slices if e["tid"] == track)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ordered))
    assert slices[0]["dur"] == 125.0
    assert slices[-1]["args"]["output_gradient_mean"] == "NaN"
    counters = [event for event in events if event["ph"] == "C"]
    assert [c["args"]["loss"] for c in counters] == [1.0, 0.5, 0.25, 0.125]  # the diverged ones can't be counters …
    instants = [event for event in events if event["ph"] == "i"]
    assert instants[4]["args"]["loss"] == "NaN"  # … and are not lost
    assert instants[-1]["args"]["text"] == "7 NaN in Dense"


@pytest.mark.cpython
def test_otlp_lines_are_accepted_by_the_protocols_own_parser(recording, tmp_path):
    json_format = pytest.importorskip("google.protobuf.json_format")
    pb2 = pytest.importorskip("opentelemetry.proto.metrics.v1.metrics_pb2")
    lines = recording.export(tmp_path / "metrics.jsonl", "otlp").read_text().splitlines()
    found = {}
    for line in lines:
        strict(line)
        data = json_format.Parse(line, pb2.MetricsData())
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.gauge.data_points:
                attributes = {a.key: a.value.string_value for a in point.attributes}
                value = getattr(point, point.WhichOneof("value"))
                found.setdefault(metric.name, []).append((attributes, point.time_unix_nano, value))
    assert found["loom.layer.output_mean"][0] == (
        {"loom.layer.path": "0", "loom.layer.type": "Dense", "loom.phase": "forward"},
        1_763_000_000_000_000_000,
        0.125,
    )
    assert math.isnan(found["loom.layer.output_mean"][-1][2])
    assert math.isinf(found["loom.layer.gradient_norm"][-1][2])
    assert found["loom.layer.nan_count"][-1][2] == 7
    assert [value for _, _, value in found["loom.training.step"]] == [1, 2, 3, 4, 5, 6, 5]
    assert math.isnan(found["loom.training.loss"][4][2])
    assert found["loom.training.anomaly"][0][0]["loom.text"] == "7 NaN in Dense"


def test_csv_keeps_absent_and_nan_apart(recording, tmp_path):
    text = recording.export(tmp_path / "run.csv", "csv").read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 24 + 7
    assert rows[0]["kind"] == "forward"
    assert rows[0]["output_mean"] == "0.125"
    assert rows[0]["gradient_norm"] == ""
    assert rows[0]["input_shape"] == "32x1024"
    bad = [row for row in rows if row["kind"] == "backward" and row["step"] == "5"]
    assert {row["output_mean"] for row in bad} == {"NaN"}
    assert {row["gradient_norm"] for row in bad} == {"Infinity"}
    assert rows[-1]["text"] == "7 NaN in Dense"


def test_unknown_format_and_path(recording, tmp_path):
    with pytest.raises(ConfigError, match="tensorboard, trace, otlp, csv"):
        recording.export(tmp_path / "x", "pickle")
    with pytest.raises(OSError, match="missing"):
        recording.export(tmp_path / "missing" / "x.csv", "csv")


@pytest.fixture
def tweened():
    """A recording of three steps of neural tweening."""
    net = Network.of(4, [Dense(4, 6, "tanh"), Dense(6, 3)], seed=0)
    recording = RecordingObserver(histograms=True)
    net.add_observer(recording)
    rng = np.random.default_rng(0)
    trainer = TweenTrainer(net, TweenConfig())
    trainer.fit(rng.normal(size=(24, 4)).astype(np.float32), rng.integers(0, 3, 24), epochs=1, batch_size=8)
    assert len(recording.get_tween_history()) == 3
    return recording


def test_tween_steps_and_parameters_survive_the_file(tweened):
    loaded = RecordingObserver.from_text(tweened.to_text())
    again = loaded.get_tween_history()
    for ours, theirs in zip(tweened.get_tween_history(), again, strict=True):
        assert (ours.step, ours.time_ns, ours.updated) == (theirs.step, theirs.time_ns, theirs.updated)
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-8)
        for a, b in zip(ours.views, theirs.views, strict=True):
            assert (a.path, a.bad_values) == (b.path, b.bad_values)
            assert (b.link_budget, b.gap) == pytest.approx((a.link_budget, a.gap), rel=1e-8)
    assert loaded.to_text() == tweened.to_text()
    first = loaded.get_history()[0]
    assert list(first.parameters) == ["weight", "bias"]
    assert first.parameters["weight"].weight_norm == pytest.approx(first.weight_norm, rel=1e-8)
    tweened.clear()
    assert tweened.get_tween_history() == []


def test_damaged_tween_rows_are_refused(tweened):
    lines = tweened.to_text().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if line.startswith("[4,"))
    row = json.loads(lines[place])
    for at, bad in ((1, 0.5), (5, "nan"), (8, 1), (10, 7), (10, [["0", 1, 1, 1]]), (10, [[0, 1, 1, 1, 0]])):
        broken = json.dumps([*row[:at], bad, *row[at + 1 :]]) + "\n"
        with pytest.raises(FileFormatError, match=f"line {place + 1}"):
            RecordingObserver.from_text("".join([*lines[:place], broken, *lines[place + 1 :]]))


@pytest.mark.cpython
@pytest.mark.filterwarnings("ignore")
def test_tween_steps_and_parameters_are_exported(tweened, tmp_path):
    step = tweened.get_tween_history()[1]
    scalars = read_scalars(Path(tweened.export(tmp_path / "board", "tensorboard")).parent)
    assert scalars["tween/loss"][1] == (step.step, np.float32(step.loss))
    assert scalars["tween_gap/1"][1] == (step.step, np.float32(step.views[1].gap))
    assert len(scalars["parameter_weight_norm/0 Dense bias"]) == len(scalars["weight_norm/0 Dense"])
    rows = list(csv.DictReader(io.StringIO(tweened.export(tmp_path / "run.csv", "csv").read_text())))
    view = [row for row in rows if row["kind"] == "tween_view"][3]
    assert (view["path"], view["step"]) == ("1", str(step.step))
    assert float(view["gap"]) == pytest.approx(step.views[1].gap, rel=1e-8)
    parameter = next(row for row in rows if row["kind"] == "forward_parameter")
    assert (parameter["parameter"], parameter["path"]) == ("weight", "0")
    trace = strict(tweened.export(tmp_path / "trace.json", "trace").read_text())["traceEvents"]
    assert [e["args"]["step"] for e in trace if e["name"] == "tween"] == [1, 2, 3]
    otlp = strict(tweened.export(tmp_path / "m.jsonl", "otlp").read_text().splitlines()[0])
    metrics = {m["name"]: m["gauge"]["dataPoints"] for m in otlp["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    assert metrics["loom.tween.gap"][1]["asDouble"] == pytest.approx(tweened.get_tween_history()[0].views[1].gap)
    names = {a["value"]["stringValue"] for a in metrics["loom.parameter.weight_norm"][0]["attributes"]}
    assert {"weight", "0", "forward"} <= names
