"""Exports of a recording, each checked with the reader of the tool it is for, or by its published format."""

import csv
import io
import itertools
import json
import math

import pytest

from loom_py.errors import ConfigError
from loom_py.observers import RecordingObserver, TensorBoardObserver
from loom_py.observers.tfevents import crc32c


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
