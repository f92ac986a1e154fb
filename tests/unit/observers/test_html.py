"""A recording as one HTML file: everything is in it, and nothing in it can break out."""

import base64
import gzip
import json
import re
from itertools import pairwise

import numpy as np
import pytest

from loom_py import Dense, Network, RecordingObserver, diagnose
from loom_py.cli import main
from loom_py.errors import ConfigError, UnavailableError
from loom_py.observers.formats import html
from loom_py.telemetry.events import TrainingEvent

pytestmark = pytest.mark.cpython  # the page's wheel has no script of a second dashboard


def unpack(page: str) -> dict:
    (packed,) = re.findall(r'<script type="application/x-loom-recording">(.*?)</script>', page, re.DOTALL)

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(gzip.decompress(base64.b64decode(packed)), parse_constant=refuse)


def numbers(message: dict, columns: list[str]) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(message["data"]), "<f4")
    return data.reshape(len(columns), message["rows"]).T


@pytest.fixture
def recording():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 4))
    layers = [Dense(4, 8, "sigmoid"), *(Dense(8, 8, "sigmoid") for _ in range(6)), Dense(8, 2)]
    net, recording = Network.of(4, layers, seed=0), RecordingObserver()
    net.set_observer(recording)
    net.fit(x, (x[:, 0] > 0).astype(int), epochs=40, batch_size=16)
    return recording


def test_every_record_is_in_the_file(recording):
    data = unpack(recording.to_html())
    assert len(data["frames"]) <= html.FRAMES
    messages = [message for frame in data["frames"] for message in frame["messages"]]
    columns = data["columns"]
    stats = np.concatenate([numbers(m, columns["stats"]) for m in messages if m["kind"] == "stats"])
    assert len(stats) == len(recording.get_history()) + len(recording.get_backward_history())
    events = [kind for m in messages if m["kind"] == "training" for kind in m["types"]]
    assert events == [event.type for event in recording.get_training_history()]
    forward = stats[stats[:, columns["stats"].index("phase")] == 0]
    wanted = [record.output_std for record in recording.get_history()]
    np.testing.assert_allclose(forward[:, columns["stats"].index("output_std")], wanted, rtol=1e-6)


def test_frames_are_whole_steps_in_order(recording):
    frames = unpack(recording.to_html())["frames"]
    assert [frame["step"] for frame in frames] == sorted({frame["step"] for frame in frames})
    assert frames[-1]["step"] == 640
    assert all(one["at"] <= other["at"] for one, other in pairwise(frames))
    for frame in frames[:-1]:
        assert [kind for m in frame["messages"] for kind in m.get("types", [])][-1] == "batch_end"


def test_findings_are_shown_with_their_causes(recording):
    found = diagnose(recording)
    assert unpack(recording.to_html(findings=[]))["findings"] == []
    shown = unpack(recording.to_html())["findings"]
    assert [finding["headline"] for finding in shown] == [f"{finding.name}." for finding in found]
    assert shown[0]["cause"] is None
    assert shown[0]["text"].startswith(found[0].explanation)


def test_hostile_texts_stay_texts(recording):
    title = "</title><script>alert(1)</script>"
    recording.on_training_event(TrainingEvent(type="anomaly", step=640, text="</script><b>", loss=float("nan")))
    page = recording.to_html(title=title)
    assert page.count("<script") == page.count("</script>") == 2
    assert "&lt;script&gt;alert" in page
    data = unpack(page)
    assert data["title"] == title
    (anomaly,) = [m for frame in data["frames"] for m in frame["messages"] if m["kind"] == "anomaly"]
    assert anomaly["event"]["text"] == "</script><b>"
    assert anomaly["event"]["loss"] == "NaN"


def test_the_command_writes_the_file(recording, tmp_path, capsys):
    recording.save_to_file(tmp_path / "run.jsonl")
    assert main(["html", str(tmp_path / "run.jsonl")]) == 0
    data = unpack((tmp_path / "run.html").read_text(encoding="utf-8"))
    assert data["title"] == "run"
    assert data["findings"]
    assert "run.html: " in capsys.readouterr().out
    assert main(["html", str(tmp_path / "run.jsonl"), "--out", str(tmp_path / "run.jsonl")]) == 2
    assert "another file" in capsys.readouterr().err
    assert recording.export(tmp_path / "exported.html", "html").read_bytes().startswith(b"<!doctype html>")


def test_what_can_t_be_shown_is_refused_in_words(recording, monkeypatch, tmp_path):
    with pytest.raises(ConfigError, match="set_observer"):
        RecordingObserver().to_html()
    monkeypatch.setattr(html, "__file__", str(tmp_path / "html.py"))
    with pytest.raises(UnavailableError, match="npm run setup"):
        recording.to_html()


def test_a_recording_without_training_is_shown(tmp_path):
    net, recording = Network.of(3, [Dense(3, 2)], seed=0), RecordingObserver()
    net.set_observer(recording)
    assert unpack(recording.to_html())["frames"] == []
    net.forward_cpu(np.ones((2, 3)))
    (frame,) = unpack(recording.to_html())["frames"]
    assert [message["kind"] for message in frame["messages"]] == ["stats"]
