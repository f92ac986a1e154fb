"""CanvasObserver: messages with the agreed columns, few and whole."""

import numpy as np
import pytest

from loom_py.errors import ConfigError
from loom_py.observers import CanvasObserver
from loom_py.telemetry.statistics import LAYER_NUMBERS

# Readers find columns by name; the order is that of the tables in telemetry/statistics.py.
STATS = ["step", "epoch", "layer", "phase", *LAYER_NUMBERS]
TRAINING = [
    "step", "epoch", "batch", "loss", "accuracy", "learning_rate", "gradient_norm", "samples_per_second", "eta_s",
]  # fmt: skip


def rows_of(message):
    table = message["data"].reshape(len(message["columns"]), message["rows"])
    return [dict(zip(message["columns"], column, strict=True)) for column in table.T]


@pytest.fixture
def messages():
    return []


def test_columns_layer_positions_and_absent_values(messages, make_stats, blueprint):
    observer = CanvasObserver(messages.append, interval_s=1e9)
    observer.on_attach(blueprint, {})
    for path in ("0", "1.0", "1", "2", "unknown"):
        observer.on_layer_forward(0, make_stats(path=path, step=5, dead_units=None, nan_count=2))
    observer.on_layer_backward(0, make_stats(phase="backward", gradient_norm=0.5))
    observer.flush()
    assert [m["kind"] for m in messages] == ["blueprint", "stats"]
    assert messages[0]["blueprint"] == blueprint
    message = messages[1]
    assert message["columns"] == STATS
    assert {"output_mean", "weight_norm", "gradient_norm", "nan_count", "compute_time_ns"} <= set(STATS)
    assert message["data"].dtype == np.float32
    assert message["data"].shape == (len(STATS) * 6,)
    rows = rows_of(message)
    np.testing.assert_array_equal([row["layer"] for row in rows], [0, 2, 1, 3, np.nan, 0])
    assert [row["phase"] for row in rows] == [0, 0, 0, 0, 0, 1]
    assert rows[0]["step"] == 5
    assert rows[0]["nan_count"] == 2
    assert np.isnan(rows[0]["dead_units"])
    assert np.isnan(rows[0]["gradient_norm"])
    assert rows[5]["gradient_norm"] == 0.5
    assert rows[0]["output_max"] == np.float32(4.82)


def test_training_rows_carry_their_types_and_nan(messages, make_event):
    observer = CanvasObserver(messages.append, interval_s=1e9)
    observer.on_training_event(make_event("batch_end", step=1, loss=float("nan")))
    observer.on_training_event(make_event("validation", step=1, loss=1e300, accuracy=0.5))
    observer.on_training_event(make_event("train_end", step=1))
    (message,) = messages
    assert message["kind"] == "training"
    assert message["columns"] == TRAINING
    assert message["types"] == ["batch_end", "validation", "train_end"]
    rows = rows_of(message)
    assert np.isnan(rows[0]["loss"])
    assert rows[1]["loss"] == np.inf
    assert rows[1]["accuracy"] == 0.5
    assert np.isnan(rows[2]["loss"])


def test_an_anomaly_comes_at_once_after_the_rows_that_led_to_it(messages, make_stats, make_event):
    observer = CanvasObserver(messages.append, interval_s=1e9)
    observer.on_layer_forward(0, make_stats())
    observer.on_training_event(make_event("anomaly", path="0", text="NaN", step=3))
    assert [m["kind"] for m in messages] == ["stats", "anomaly"]
    assert messages[1]["event"]["text"] == "NaN"
    assert messages[1]["event"]["step"] == 3
    assert messages[1]["event"]["loss"] is None


def test_a_full_buffer_is_handed_over_and_nothing_is_lost(messages, deliver):
    observer = CanvasObserver(messages.append, interval_s=1e9, capacity=5)
    deliver(observer, 10)
    observer.close()
    observer.close()
    by_kind = {"stats": 0, "training": 0}
    for message in messages:
        assert message["rows"] <= 5
        assert message["data"].base is None  # the sink owns it
        by_kind[message["kind"]] += message["rows"]
    assert by_kind == {"stats": 40, "training": 10}


def test_an_interval_of_zero_sends_each_row(messages, make_stats):
    observer = CanvasObserver(messages.append, interval_s=0)
    for _ in range(3):
        observer.on_layer_forward(0, make_stats())
    assert [m["rows"] for m in messages] == [1, 1, 1]


def test_bad_capacity_is_refused(messages):
    with pytest.raises(ConfigError):
        CanvasObserver(messages.append, capacity=0)
