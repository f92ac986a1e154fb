"""Recording files of earlier releases load, and what this release cannot read is refused in words."""

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest

from loom_py.errors import FileFormatError
from loom_py.observers import RecordingObserver
from loom_py.telemetry.events import LayerStats, TrainingEvent, TweenStep
from loom_py.telemetry.statistics import LAYER_STATISTICS, NOT_MEASURED, measured

FILE = Path(__file__).parents[2] / "data" / "recording-version-1.jsonl"
PHASES = {1: "forward", 2: "backward"}
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def number(value):
    return NOT_MEASURED if value is None else WORDS.get(value, value) if isinstance(value, str) else value


def same(value, given):
    return not measured(value) if given is None else value == number(given) or (value != value and given == "NaN")


def check_stats(record, row, columns, layer, origin):
    values = dict(zip(columns["stats"], row[2:], strict=True))
    assert record.phase == PHASES[row[0]]
    for name in set(columns["layer"]) - {"parameters"}:
        found = getattr(record, name)
        assert (list(found) if isinstance(found, tuple) else found) == layer[name]
    assert record.time_ns == values.pop("time_ns") + origin
    norms = dict(zip(layer["parameters"], values.pop("parameters"), strict=True))
    assert list(record.parameters) == layer["parameters"]
    for parameter, given in norms.items():
        for name, value in zip(columns["parameters"], given, strict=False):
            assert same(getattr(record.parameters[parameter], name), value)
    histogram, outputs = values.pop("histogram"), values.pop("output_values")
    assert record.histogram == (None if histogram is None else tuple(histogram))
    if outputs is None:
        assert record.output_values is None
    else:
        data = np.frombuffer(base64.b64decode(outputs["f32"]), "<f4").reshape(outputs["shape"])
        np.testing.assert_array_equal(record.output_values, data)
    assert [name for name, value in values.items() if not same(getattr(record, name), value)] == []


def test_a_recording_of_the_first_release_loads_with_every_value():
    header, *rows = map(json.loads, FILE.read_text().splitlines())
    recording = RecordingObserver.load(FILE)
    assert not recording.truncated
    assert recording.header.blueprint == header["blueprint"]
    assert (recording.header.seed, recording.header.versions) == (header["seed"], header["versions"])
    origin, columns, layers = header["time_origin_ns"], header["columns"], []
    records = iter([*recording.get_records()])
    tweens = iter(recording.get_tween_history())
    kinds = []
    for row in rows:
        kinds.append(row[0])
        match row[0]:
            case 0:
                layers.append(dict(zip(columns["layer"], row[1:], strict=True)))
            case 1 | 2:
                record = next(records)
                assert isinstance(record, LayerStats)
                check_stats(record, row, columns, layers[row[1]], origin)
            case 3:
                event = next(records)
                assert isinstance(event, TrainingEvent)
                given = dict(zip(columns["event"], row[1:], strict=True))
                given["time_ns"] += origin
                assert [n for n, v in given.items() if v is None and getattr(event, n) is not None] == []
                assert [n for n, v in given.items() if v not in (None, "NaN") and getattr(event, n) != v] == []
            case 4:
                step = next(tweens)
                assert isinstance(step, TweenStep)
                given = dict(zip(columns["tween"], row[1:], strict=True))
                views = given.pop("views")
                given["time_ns"] += origin
                assert [n for n, v in given.items() if getattr(step, n) != v] == []
                found = [[getattr(view, n) for n in columns["views"]] for view in step.views]
                assert found == views
    assert set(kinds) == {0, 1, 2, 3, 4}
    assert next(records, None) is None
    assert next(tweens, None) is None
    last = recording.get_history()[-1]
    assert (math.isnan(last.output_mean), last.output_max, last.nan_count) == (True, math.inf, 3)


def test_it_is_written_again_with_the_same_rows():
    before, after = (list(map(json.loads, text.splitlines())) for text in (FILE.read_text(), _rewritten()))
    columns = after[0]["columns"]["stats"]  # a later release may have more of them
    places = [0, 1, *(2 + columns.index(name) for name in before[0]["columns"]["stats"])]
    rows = [[row[place] for place in places] if row[0] in PHASES else row for row in after[1:]]
    assert rows == before[1:]


def _rewritten():
    return RecordingObserver.load(FILE).to_text()


def edit(change):
    """The file with its columns of statistics, as rows of the statistics, changed by `change(names, row)`."""
    header, *rows = map(json.loads, FILE.read_text().splitlines())
    names = list(header["columns"]["stats"])
    for row in rows:
        if row[0] in PHASES:
            row[2:] = change(names, row[2:])
    header["columns"]["stats"] = change(names, names)
    return "".join(json.dumps(line) + "\n" for line in [header, *rows])


def without(name):
    return lambda names, row: [value for column, value in zip(names, row, strict=True) if column != name]


@pytest.mark.parametrize("name", ["zero_fraction", "update_ratio", "weight_norm"])
def test_a_statistic_that_a_file_does_not_have_is_not_measured(name):
    whole, less = RecordingObserver.load(FILE), RecordingObserver.from_text(edit(without(name)))
    assert len(less.get_records()) == len(whole.get_records())
    assert any(measured(getattr(record, name)) for record in whole.get_history())
    for record, other in zip(whole.get_records(), less.get_records(), strict=True):
        if isinstance(record, LayerStats):
            assert getattr(other, name) is NOT_MEASURED
            setattr(record, name, NOT_MEASURED)
        assert repr(record) == repr(other)


@pytest.mark.parametrize("name", [s.name for s in LAYER_STATISTICS if s.absent != 0])
def test_a_file_without_any_one_statistic_loads_and_is_written_in_full(name):
    less = RecordingObserver.from_text(edit(without(name)))
    assert repr(RecordingObserver.from_text(less.to_text()).get_records()) == repr(less.get_records())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda names, row: [*row, row[-1] if row is not names else "entropy"], "unknown entropy"),
        (lambda names, row: [*row, row[names.index("zero_fraction")]], "doubled zero_fraction"),
        *((without(n), f"missing {n}") for n in ("step", "time_ns", "parameters", "histogram", "output_values")),
        # Absent is never 0: "no NaN" is not to be read from a file that did not count them.
        *((without(s.name), f"missing {s.name}") for s in LAYER_STATISTICS if s.absent == 0),
    ],
)
def test_columns_that_cannot_be_read_are_refused_in_words(change, says):
    with pytest.raises(FileFormatError, match=says):
        RecordingObserver.from_text(edit(change))


@pytest.mark.parametrize("columns", [None, [], {}, {"stats": None}, {"stats": [7]}])
def test_a_header_without_columns_is_refused_in_words(columns):
    header, rest = FILE.read_text().split("\n", 1)
    text = json.dumps(json.loads(header) | {"columns": columns}) + "\n" + rest
    with pytest.raises(FileFormatError, match="column"):
        RecordingObserver.from_text(text)
