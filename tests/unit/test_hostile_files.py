"""No reader of files raises anything but its own errors: some mutations of good files, always the same.

More of them by hand: `.venv/bin/python -m tests.fuzz --count 20000 --seed 7`.
"""

from __future__ import annotations

import json
import sys
from random import Random

import pytest

from loom_py import DeviationMetrics, FileFormatError, RecordingObserver
from loom_py.strict_json import loads
from tests.fuzz import mutate
from tests.fuzz.readers import READERS

COUNT = 12 if sys.platform == "emscripten" else 60


@pytest.mark.parametrize("name", READERS)
def test_mutations_of_good_files_are_read_or_refused(name: str) -> None:
    reader = READERS[name]
    reader.read(reader.good())
    read = [reader.survives(f"0/{name}/{number}") for number in range(COUNT)]
    assert 0 <= sum(read) < COUNT


def test_mutations_are_of_every_kind() -> None:
    """Else the test above could pass because nothing was damaged."""
    good = READERS["metrics"].good()
    found = [mutate.json_file(good, Random(seed)).decode() for seed in range(100)]
    assert sum(text != json.dumps(json.loads(good), separators=(",", ":")) for text in found) > 90
    assert any("[" * mutate.DEPTH in text for text in found)
    assert any("0" * 400 in text for text in found)
    assert any("\\ud800" in text for text in found)
    assert sum("unique keys" in refusal(text) for text in found) > 2


def refusal(text: str) -> str:
    """Why JSON is refused; empty if it isn't."""
    try:
        loads(text, "file")
    except FileFormatError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a":1,"b":2,"a":3}', "unique keys in an object, got 'a' twice"),
        ('{"a":"\\ud800"}', "half a surrogate pair"),
        ('{"a":"\ud800"}', "half a surrogate pair"),
        ("[" * 100_000, "JSON"),
        ("9" * 5000, "JSON"),
        ("NaN", "NaN is not JSON"),
    ],
)
def test_json_is_strict(text: str, says: str) -> None:
    with pytest.raises(FileFormatError, match=says):
        loads(text, "file")
    for read in (RecordingObserver.from_text, DeviationMetrics.from_json):
        with pytest.raises(FileFormatError):
            read(text)


def test_whole_surrogate_pairs_are_text() -> None:
    assert loads('{"a":"\\ud83d\\ude00"}', "file") == {"a": "😀"}


def test_the_search_for_duplicate_keys_takes_linear_time() -> None:
    """Each key is compared by its hash: the squares of these would not end."""
    keys = ",".join(f'"{i}":0' for i in range(100_000))
    with pytest.raises(FileFormatError, match="'99999' twice"):
        loads(f'{{{keys},"99999":0}}', "file")
