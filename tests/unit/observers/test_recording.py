"""RecordingObserver: history, bounds, and a file that survives NaN, truncation and hostile hands."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from loom_py.errors import ConfigError, FileFormatError
from loom_py.observers import RecordingObserver
from loom_py.telemetry.statistics import NOT_MEASURED, measured


def test_history_by_kind_in_order(deliver):
    recording = RecordingObserver()
    deliver(recording, 3)
    assert [(r.step, r.path) for r in recording.get_history()] == [(s, p) for s in range(3) for p in "01"]
    assert [(r.step, r.path) for r in recording.get_backward_history()] == [(s, p) for s in range(3) for p in "10"]
    assert [e.loss for e in recording.get_training_history()] == [1.0, 0.5, 0.25]
    assert [type(r).__name__ for r in recording.get_records()] == (["LayerStats"] * 4 + ["TrainingEvent"]) * 3
    recording.clear()
    assert recording.get_records() == []


def test_the_guides_recipes_work_as_written(make_stats):
    observer = RecordingObserver(output_values=True)
    observer.on_layer_forward(0, make_stats(output_max=250.0))
    observer.on_layer_forward(1, make_stats(layer_index=1, output_mean=math.nan))
    observer.on_layer_forward(2, make_stats(layer_index=2, output_values=np.array([0, 0, 0, 1], np.float32)))
    observer.on_layer_backward(0, make_stats(phase="backward", gradient_norm=1e-9))
    assert [record.layer_index for record in observer.get_history() if record.output_max > 100] == [0]
    assert [record.layer_index for record in observer.get_history() if math.isnan(record.output_mean)] == [1]
    assert [record.layer_index for record in observer.get_history() if record.gradient_norm > 100] == []
    assert [record.layer_index for record in observer.get_backward_history() if record.gradient_norm < 1e-6] == [0]
    dead = observer.get_history()[2]
    assert np.count_nonzero(dead.output_values == 0) / len(dead.output_values) > 0.5


def test_capacity_makes_room_and_counts(deliver):
    recording = RecordingObserver(capacity=3)
    deliver(recording, 4)  # 16 statistics, 4 events
    assert recording.dropped == 13 + 1
    assert [e.step for e in recording.get_training_history()] == [2, 3, 4]
    with pytest.raises(ConfigError):
        RecordingObserver(capacity=0)


def test_values_kept_by_default_are_thinned_before_records_are_dropped(make_stats, tmp_path):
    recording = RecordingObserver(values_bytes=4000)
    units = np.arange(10) < 3  # of 10 units the first 3 are dead
    for step in range(8):
        values = np.where(units, 0, np.ones((20, 10), np.float32)).ravel()
        recording.on_layer_forward(0, make_stats(step=step, output_values=values))
    kept = [r.output_values for r in recording.get_history()]
    assert len(kept) == 8
    assert [len(values) for values in kept] == [64] * 5 + [200] * 3
    assert all(abs(np.mean(values == 0) - 0.3) < 0.05 for values in kept)
    assert sum(values.nbytes for values in kept) <= 4000
    recording.save_to_file(tmp_path / "run.jsonl")
    loaded = RecordingObserver.load(tmp_path / "run.jsonl").get_history()
    assert {len(r.output_values) for r in loaded} == {64}
    for step in range(200):
        recording.on_layer_forward(0, make_stats(step=step, output_values=np.zeros(64, np.float32)))
    assert recording.dropped > 0
    assert sum(r.output_values.nbytes for r in recording.get_history()) <= 4000
    recording.clear()
    assert recording.memory_bytes == 0


def test_output_values_are_bounded_in_bytes(make_stats):
    recording = RecordingObserver(output_values=True, values_bytes=1000)
    for _ in range(10):
        recording.on_layer_forward(0, make_stats(output_values=np.zeros(100, np.float32)))
    assert len(recording.get_history()) == 2
    assert recording.dropped == 8
    assert recording.memory_bytes >= 800
    recording.clear()
    assert recording.memory_bytes == 0


def test_file_round_trip_keeps_every_value(tmp_path, deliver, make_stats, blueprint):
    recording = RecordingObserver()
    recording.on_attach(blueprint, {"seed": 7})
    deliver(recording, 5, nan_at=3)
    values = np.array([[1.5, np.nan], [-np.inf, 1e-45]], np.float32)
    recording.on_layer_forward(0, make_stats(step=9, output_values=values, histogram=(1, 2, 3), dead_units=None))
    path = tmp_path / "training_recording.json"
    recording.save_to_file(path)
    loaded = RecordingObserver.load(path)
    assert loaded.header == recording.header
    assert loaded.header.blueprint == blueprint
    assert repr(loaded.get_records()) == repr(recording.get_records())
    last = loaded.get_history()[-1]
    np.testing.assert_array_equal(last.output_values, values)
    assert measured(loaded.get_history()[-2].output_mean)  # NaN that was measured stays one …
    assert math.isnan(loaded.get_history()[-2].output_mean)
    assert last.gradient_norm is NOT_MEASURED  # … and what was not measured stays that
    assert not loaded.truncated


def test_float32_survives_exactly(make_stats):
    recording = RecordingObserver()
    values = np.random.default_rng(0).standard_normal(500).astype(np.float32)
    for value in values:
        recording.on_layer_forward(0, make_stats(output_mean=float(value)))
    loaded = RecordingObserver.from_text(recording.to_text())
    np.testing.assert_array_equal(np.array([r.output_mean for r in loaded.get_history()], np.float32), values)


def test_the_file_is_strict_json_and_compact(deliver):
    recording = RecordingObserver()
    deliver(recording, 200, nan_at=150)
    lines = recording.to_text().splitlines()

    def refuse(word):
        raise AssertionError(word)

    rows = [json.loads(line, parse_constant=refuse) for line in lines]
    header = rows[0]
    assert (header["format"], header["version"]) == ("loom_py-recording", 1)
    assert {"blueprint", "config", "seed", "versions", "columns"} <= header.keys()
    assert set(header["versions"]) >= {"loom_py", "python", "numpy"}
    values = sum(len(row) for row in rows[1:])
    assert sum(map(len, lines[1:])) / values < 15


def test_a_file_cut_anywhere_loads_up_to_its_last_whole_row(deliver):
    recording = RecordingObserver()
    deliver(recording, 3)
    text = recording.to_text()
    header_end = text.index("\n") + 1
    whole = recording.get_records()
    for cut in range(header_end, len(text), 7):
        loaded = RecordingObserver.from_text(text[:cut])
        records = loaded.get_records()
        assert repr(records) == repr(whole[: len(records)])
        assert loaded.truncated == (not _is_whole(text[header_end:cut].rpartition("\n")[2]))


def _is_whole(line):
    try:
        json.loads(line or "0")
    except ValueError:
        return False
    return True


def _lines(deliver):
    recording = RecordingObserver()
    deliver(recording, 1)
    return recording.to_text().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda lines: [], "first line must be a JSON header"),
        (lambda lines: ["hello\n"], "first line must be a JSON header"),
        (lambda lines: ["[" * 100_000 + "\n"], "JSON"),
        (lambda lines: ['{"format":"other"}\n'], "expected loom_py-recording"),
        (lambda lines: [lines[0].replace('"version":1', '"version":2'), *lines[1:]], "expected 1, got 2"),
        (lambda lines: [lines[0].replace("weight_norm", "wait_norm"), *lines[1:]], "columns"),
        (lambda lines: [lines[0].replace('"seed":null', '"seed":"x"'), *lines[1:]], "seed"),
        (lambda lines: [lines[0], "[9,1]\n", *lines[1:]], "line 2.*kind of row"),
        (lambda lines: [lines[0], "{}\n", *lines[1:]], "line 2.*row"),
        (lambda lines: [lines[0], *lines[2:]], "layer number"),
        (lambda lines: [*lines[:2], lines[2].replace("0.125,", "NaN,"), *lines[3:]], "NaN is not JSON"),
        (lambda lines: [*lines[:2], lines[2].replace("0.125,", '"nan",'), *lines[3:]], "statistic"),
        (lambda lines: [*lines[:2], lines[2].replace("0.125,", "9" * 400 + ","), *lines[3:]], "statistic"),
        (lambda lines: [*lines[:2], lines[2].replace("0.125,", "9" * 5000 + ","), *lines[3:]], "JSON"),
        (lambda lines: [*lines[:2], lines[2].replace("0.125,", "true,"), *lines[3:]], "statistic"),
        (lambda lines: [*lines, '[3,"party",0,0,0,0,1,1,1,1,1,1,null,null]\n'], "event type"),
        (lambda lines: [lines[0], lines[1].replace('"Dense"', "5"), *lines[2:]], "layer_type"),
        (lambda lines: [lines[0], lines[1].replace("[32,1024]", '"big"'), *lines[2:]], "input_shape"),
        (lambda lines: [*lines[:2], lines[2].replace("null]", '{"shape":[2],"f32":"AAAA"}]'), *lines[3:]], "8 bytes"),
        (lambda lines: [*lines[:2], lines[2].replace("null]", '{"shape":[1],"f32":"*"}]'), *lines[3:]], "base64"),
    ],
)
def test_damaged_hostile_and_foreign_files_are_refused(deliver, damage, says):
    lines = _lines(deliver)
    assert "".join(damage(list(lines))) != "".join(lines)
    with pytest.raises(FileFormatError, match=says):
        RecordingObserver.from_text("".join(damage(lines)))


def test_bytes_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "recording.json"
    path.write_bytes(b"\xff\xfe\x00\x80PK")
    with pytest.raises(FileFormatError):
        RecordingObserver.load(path)


def test_a_path_that_cannot_be_written_leaves_the_old_file_alone(tmp_path, deliver):
    recording = RecordingObserver()
    deliver(recording, 1)
    with pytest.raises(FileNotFoundError, match="missing"):
        recording.save_to_file(tmp_path / "missing" / "file.json")
    path = tmp_path / "recording.json"
    path.write_text("precious")
    recording.header.config = {"a": object()}  # becomes text
    recording.save_to_file(path)
    assert path.read_text() != "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["recording.json"]


FULL_DISK = """
import resource, sys
sys.path.insert(0, ".")
from loom_py.observers import RecordingObserver
from loom_py.telemetry.events import TrainingEvent
recording = RecordingObserver()
for step in range(10_000):
    recording.on_training_event(TrainingEvent(type="batch_end", step=step, loss=0.5))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    recording.save_to_file(sys.argv[1])
except OSError as error:
    print("refused", len(recording.get_training_history()))
"""


@pytest.mark.cpython
def test_a_disk_that_is_full_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "recording.json"
    path.write_text("precious")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert done.stdout == "refused 10000\n"
    assert path.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["recording.json"]
