"""Memory of records is bounded in bytes, and `memory_bytes` says how much it is."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest

from loom_py import ChannelObserver, Dense, Network, RecordingObserver
from loom_py.errors import FileFormatError
from loom_py.observers.delivery.queue import DeliveryQueue
from loom_py.observers.records.norms import StoredNorms
from loom_py.telemetry.events import ParameterStats

X = np.ones((50, 20), np.float32)


def network() -> Network:
    return Network.of(20, [Dense(20, 30), Dense(30, 40)], seed=1)


def rows(recording: RecordingObserver) -> list[Any]:
    return [json.loads(line) for line in recording.to_text().splitlines()]


def text_of(lines: list[Any]) -> str:
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def hostile(norms: list[Any], count: int) -> str:
    """A recording whose rows name 500 parameters with these norms."""
    recording, net = RecordingObserver(), network()
    net.set_observer(recording)
    net.forward(X)
    header, layer, row = rows(recording)[:3]
    layer[-1], row[-3] = [f"{i:x}" for i in range(500)], [norms] * 500
    return text_of([header, layer, *[row] * count])


@pytest.mark.cpython  # Pyodide's tracemalloc counts less
@pytest.mark.parametrize(("norms", "factor"), [([], 1), ([1], 12), ([1, 2, 3], 12)])
def test_a_recording_takes_memory_in_proportion_to_its_file(norms: list[int], factor: int) -> None:
    text = hostile(norms, 10)
    RecordingObserver.from_text(text)  # what is loaded and cached once
    tracemalloc.start()
    recording = RecordingObserver.from_text(text)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < factor * len(text) + 100_000
    assert held / 2 < recording.memory_bytes + 100_000 < 2 * held + 200_000
    assert len(recording.get_history()[0].parameters) == 500


def test_a_recording_larger_than_its_limit_is_not_loaded(tmp_path: Any) -> None:
    path = tmp_path / "a"
    path.write_text(text := hostile([1, 2, 3], 20))
    with pytest.raises(FileFormatError, match=r"at most 100000 bytes in memory.*larger capacity_bytes"):
        RecordingObserver.load(path, capacity_bytes=10**5)
    with pytest.raises(FileFormatError, match="in memory"):
        RecordingObserver.from_text(text, capacity_bytes=10**5)
    header, layer, _ = map(json.loads, text.splitlines()[:3])
    with pytest.raises(FileFormatError, match="in memory"):  # layers without statistics, of which the last counts
        RecordingObserver.from_text(
            text_of([header, *[layer] * 9, [3, *["batch_end"], *[0] * 10, None, None]]), capacity_bytes=10**5
        )
    assert len(RecordingObserver.from_text(text, capacity_bytes=None).get_history()) == 20


def test_stored_norms_are_those_of_the_file() -> None:
    norms = StoredNorms({"weight": 0, "bias": 1}, [[1.0, 2.0], []])
    want = {"weight": ParameterStats(weight_norm=1.0, gradient_norm=2.0), "bias": ParameterStats()}
    assert repr(norms) == repr(want) and list(norms) == list(want)
    assert repr(norms["weight"]) == repr(want["weight"])
    with pytest.raises(KeyError):
        norms["gate"]


def test_names_of_parameters_differ() -> None:
    lines = [json.loads(line) for line in hostile([], 1).splitlines()]
    lines[1][-1] = ["a", "a"]
    with pytest.raises(FileFormatError, match="different names"):
        RecordingObserver.from_text(text_of(lines))


@pytest.mark.parametrize("options", [{}, {"output_values": True}, {"histograms": True}])
def test_a_recording_stays_within_its_bytes(options: dict[str, Any]) -> None:
    recording, net = RecordingObserver(capacity_bytes=60_000, **options), network()
    net.set_observer(recording)
    for _ in range(200):
        net.forward(X)
    history = recording.get_history()
    assert recording.memory_bytes <= 60_000
    assert recording.dropped == 400 - len(history)
    assert 0 < len(history) < 400
    assert [record.seq for record in history] == list(range(400 - len(history), 400))


def test_events_and_layers_share_the_limit(make_stats: Any, make_event: Any) -> None:
    recording = RecordingObserver(capacity_bytes=20_000)
    for step in range(100):
        recording.on_layer_forward(0, make_stats(step=step))
        recording.on_training_event(make_event("anomaly", step=step, text="x" * 1000))
    assert 15_000 < recording.memory_bytes <= 20_000
    steps = [record.step for record in recording.get_records()]
    assert steps == sorted(steps) and steps[-1] == 99  # the oldest of both went
    assert recording.dropped == 200 - len(steps)


def test_output_values_of_dropped_records_are_freed() -> None:
    recording, net = RecordingObserver(output_values=True, values_bytes=50 * 40 * 4), network()
    net.set_observer(recording)
    net.forward(X)  # two layers, 30 and 40 units
    assert [record.path for record in recording.get_history()] == ["1"]
    assert recording.memory_bytes < 50 * 40 * 4 + 2000


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest"])
def test_a_channel_stays_within_its_bytes(policy: Any) -> None:
    channel, net = ChannelObserver(policy=policy, output_values=True, capacity_bytes=100_000), network()
    net.set_observer(channel)
    for _ in range(20):
        net.forward(X)
    waiting = channel.counters.queued
    assert 60_000 < channel.memory_bytes <= 100_000
    assert channel.counters.dropped == 40 - waiting
    assert sum(record.output_values.nbytes for record in channel.take()) < 100_000
    assert channel.memory_bytes == 0


def test_a_delivery_queue_stays_within_its_bytes(make_stats: Any) -> None:
    queue = DeliveryQueue(1000, capacity_bytes=50_000)
    record = make_stats(output_values=np.zeros(1000, np.float32))
    for _ in range(30):
        queue.put(record)
    assert len(queue) == 10 and 40_000 < queue.memory_bytes <= 50_000
    batch = queue.take(4)
    assert queue.memory_bytes > 40_000  # those in flight are held too
    for _ in range(30):
        queue.put(record)
    assert len(queue) == 6 and queue.memory_bytes <= 50_000
    queue.put_back(batch[2:])
    queue.settle(2, delivered=True)
    assert len(queue) == 8 and queue.memory_bytes <= 50_000
    assert queue.counters().dropped == 20 + 30
    queue.close()
    assert queue.memory_bytes == 0


def test_a_record_larger_than_the_limit_is_kept_alone(make_stats: Any) -> None:
    queue = DeliveryQueue(10, capacity_bytes=1000)
    for _ in range(3):
        queue.put(make_stats(output_values=np.zeros(1000, np.float32)))
    assert len(queue) == 1
