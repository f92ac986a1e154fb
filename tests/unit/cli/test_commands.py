"""The commands that read recordings: text, JSON, SARIF and exit status, also for files that are no recordings."""

import io
import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from loom_py.cli import main
from loom_py.diagnose.rules import RULES
from loom_py.layers import Dense
from loom_py.model import Network
from loom_py.observers import RecordingObserver
from loom_py.train.config import TrainingConfig

pytestmark = pytest.mark.cpython

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(100, 4)).astype(np.float32)
Y = X.argmax(axis=1)


def recorded(path, rate=0.1, *, spoil=False, epochs=6):
    net, recording = Network.of(4, [Dense(4, 16, "relu"), Dense(16, 4)], seed=0), RecordingObserver(every=5)
    if spoil:
        net.set_parameters({"0.bias": np.full(16, -50.0)})
    net.add_observer(recording)
    net.fit(X, Y, TrainingConfig(epochs=epochs, learning_rate=rate, batch_size=10))
    recording.save_to_file(path)
    return str(path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {
        "good": recorded(folder / "good.jsonl"),
        "slow": recorded(folder / "slow.jsonl", 0.01),
        "dead": recorded(folder / "dead.jsonl", spoil=True),
    }


def test_diagnose_shows_findings_and_counts_them_in_the_exit_status(runs, capsys):
    assert main(["diagnose", runs["good"]]) == 0
    assert capsys.readouterr().out == f"{runs['good']}: nothing to report\n"
    assert main(["diagnose", runs["dead"]]) == 1
    shown = capsys.readouterr().out
    assert "error: dead_relu in layer 0 at step" in shown
    assert "Try: " in shown
    assert main(["diagnose", runs["dead"], "--fail-on", "never"]) == 0


def test_only_grave_findings_fail(runs, tmp_path, capsys):
    lines = Path(runs["dead"]).read_text().splitlines(keepends=True)
    half = tmp_path / "half.jsonl"
    half.write_text(
        "".join(lines[:1] + [line.replace('"relu"', '"gelu"') for line in lines[1:]]).replace("relu", "gelu")
    )
    found = main(["diagnose", str(half), "--json"])
    severities = {f["severity"] for f in json.loads(capsys.readouterr().out)["findings"]}
    assert "error" not in severities
    assert found == ("warning" in severities)
    assert main(["diagnose", str(half), "--fail-on", "error"]) == 0


def test_diagnose_as_json(runs, capsys):
    assert main(["diagnose", runs["dead"], "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["recording"] == runs["dead"]
    assert (found["truncated"], found["dropped"]) == (False, 0)
    dead = next(f for f in found["findings"] if f["rule"] == "dead_relu")
    assert (dead["layer"], dead["severity"], dead["evidence"]["share"]) == ("0", "error", 1.0)


def test_diagnose_from_standard_input(runs, capsys, monkeypatch):
    stdin = types.SimpleNamespace(buffer=io.BytesIO(Path(runs["dead"]).read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["diagnose", "-"]) == 1
    assert capsys.readouterr().out.startswith("-: ")


def expect_sarif(log):
    """What the schema of SARIF 2.1.0 requires of the parts that are used."""
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert isinstance(driver["name"], str)
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        assert set(rule) <= {"id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration"}
        assert all(rule[part]["text"] for part in ("shortDescription", "fullDescription", "help"))
    assert all(isinstance(call["executionSuccessful"], bool) for call in run["invocations"])
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
        for location in result.get("locations", []):
            assert set(location) <= {"physicalLocation", "logicalLocations"}
            if "physicalLocation" in location:
                assert location["physicalLocation"]["region"]["startLine"] >= 1
                assert " " not in location["physicalLocation"]["artifactLocation"]["uri"]
            for layer in location.get("logicalLocations", []):
                assert set(layer) == {"name", "fullyQualifiedName", "kind"}
    return run


def test_diagnose_writes_sarif(runs, tmp_path, capsys):
    out = tmp_path / "out.sarif"
    assert main(["diagnose", runs["dead"], "--sarif", str(out)]) == 1
    run = expect_sarif(json.loads(out.read_text()))
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.name for rule in RULES]
    result = next(r for r in run["results"] if r["ruleId"] == "dead_relu")
    assert result["level"] == "error"
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"].startswith("file:///")
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "0"
    assert result["properties"]["evidence"]["dead_units"] == 16
    assert main(["diagnose", runs["good"], "--sarif", str(out)]) == 0
    assert expect_sarif(json.loads(out.read_text()))["results"] == []
    before = Path(runs["dead"]).read_text()
    assert main(["diagnose", runs["dead"], "--sarif", runs["dead"]]) == 2
    link = tmp_path / "link.jsonl"
    link.symlink_to(runs["dead"])
    assert main(["diagnose", runs["dead"], "--sarif", str(link)]) == 2
    assert Path(runs["dead"]).read_text() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"format": "loom_py-recording", "version": 99}\n',
        b"\x1b[31mred\n",
    ],
)
def test_what_is_no_recording_is_refused_in_words(tmp_path, capsys, monkeypatch, content):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    assert main(["diagnose", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "bad.jsonl: " in said.err
    assert "\x1b" not in said.err
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
    assert main(["diagnose", "-"]) == 2


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('"fan_in":4', '"fan_in":"NaN"'),
        ('"fan_in":4', '"fan_in":-1'),
        ('"param_shapes":{"weight":[4,16]', '"param_shapes":{"weight":[4,{}]'),
        ('"unit_axis":-1', '"unit_axis":[]'),
        ('"children":[]', '"children":5'),
        ('"blueprint":', '"blue":'),
    ],
)
def test_a_damaged_header_is_refused_in_words(runs, tmp_path, capsys, good, bad):
    text = Path(runs["dead"]).read_text()
    assert good in text
    path = tmp_path / "damaged.jsonl"
    path.write_text(text.replace(good, bad, 1))
    assert main(["diagnose", str(path)]) == 2
    assert "blueprint" in capsys.readouterr().err


def test_numbers_of_a_file_may_be_anything(runs, tmp_path, capsys):
    text = Path(runs["dead"]).read_text()
    for good, bad in (
        ('"unit_axis":-1', '"unit_axis":10000000000000000000000'),
        ('"loom_py":"', '"loom_py":1e999,"a":"'),
    ):
        assert good in text
        path, out = tmp_path / "odd.jsonl", tmp_path / "odd.sarif"
        path.write_text(text.replace(good, bad))
        assert main(["diagnose", str(path), "--json", "--sarif", str(out)]) == 1
        expect_sarif(json.loads(out.read_text()))


def test_unusable_arguments(runs, tmp_path, capsys):
    assert main(["diagnose", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err
    assert main(["diagnose", str(tmp_path)]) == 2
    assert main(["diagnose", runs["good"], "--sarif", str(tmp_path / "none" / "a.sarif")]) == 2
    for arguments in (["diagnose"], ["diagnose", "a", "--fail-on", "some"], ["compare", "a"], []):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
    for tolerance in ("-1", "nan", "inf", "much"):
        with pytest.raises(SystemExit):
            main(["compare", runs["good"], runs["good"], "--tolerance", tolerance])


def test_texts_of_a_file_can_not_command_the_terminal(runs, tmp_path, capsys):
    path = tmp_path / "hostile.jsonl"
    path.write_text(Path(runs["dead"]).read_text().replace('"0"', '"\\u001b[2J\\u202e0"'))
    main(["diagnose", str(path)])
    shown = capsys.readouterr().out
    assert "in layer ?[2J?0" in shown
    assert "\x1b" not in shown


def test_compare_judges_floor_end_improvement_speed_and_findings(runs, capsys):
    assert main(["compare", runs["good"], runs["good"]]) == 0
    assert capsys.readouterr().out.startswith("no worse than the baseline\n  floor: same (")
    assert main(["compare", runs["good"], runs["slow"]]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("worse than the baseline\n  floor: worse")
    assert "speed: worse" in shown
    assert main(["compare", runs["slow"], runs["good"], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {m["name"]: m["verdict"] for m in found["measures"]} == dict.fromkeys(
        ("floor", "end", "improvement", "speed"), "better"
    )
    assert main(["compare", runs["good"], runs["dead"]]) == 1
    assert "new error: dead_relu in layer 0" in capsys.readouterr().out
    loose = ["--tolerance", "100", "--speed-tolerance", "1e9"]
    assert main(["compare", runs["good"], runs["dead"], *loose]) == 1
    assert main(["compare", runs["good"], str(runs["good"]) + "x"]) == 2


def test_compare_refuses_runs_without_losses(runs, tmp_path, capsys):
    lines = [
        line
        for line in Path(runs["good"]).read_text().splitlines(keepends=True)
        if "batch_end" not in line and "epoch_end" not in line
    ]
    path = tmp_path / "no-losses.jsonl"
    path.write_text("".join(lines))
    assert main(["compare", runs["good"], str(path)]) == 2
    assert "expected training losses, got none" in capsys.readouterr().err


def test_the_module_runs_as_a_command(runs):
    done = subprocess.run(
        [sys.executable, "-m", "loom_py", "diagnose", runs["dead"]],
        capture_output=True, text=True, env={"PYTHONIOENCODING": "ascii", "PATH": ""}, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "dead_relu" in done.stdout
