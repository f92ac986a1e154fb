"""compare: where two runs part."""

import math

import pytest

from loom_py.errors import ConfigError
from loom_py.observers import RecordingObserver, compare


def record(deliver, **options):
    recording = RecordingObserver()
    deliver(recording, **options)
    return recording


def test_the_same_run_is_the_same_even_where_it_is_nan(deliver):
    a, b = (record(deliver, steps=5, nan_at=3) for _ in range(2))
    for stats in b.get_history():
        stats.compute_time_ns = 1  # the machine's load is no difference
    found = compare(a, RecordingObserver.from_text(b.to_text()))
    assert found.same
    assert found.compared == 25
    assert math.isnan(found.final_loss_a)
    assert "no number differs" in str(found)


def test_the_first_and_the_largest_difference_are_named(deliver):
    a, b = record(deliver, steps=5), record(deliver, steps=5)
    [r for r in b.get_records() if getattr(r, "phase", "") == "forward"][
        5
    ].output_mean = 0.376  # step 2, layer 1: 0.375
    [r for r in b.get_records() if getattr(r, "phase", "") == "forward"][8].output_mean = 5.0
    b.get_training_history()[4].loss = math.nan
    found = compare(a, b)
    first = found.first_difference
    assert (first.step, first.where, first.field, first.a, first.b) == (
        2, "layer 1 forward", "output_mean", 0.375, 0.376,
    )  # fmt: skip
    assert found.differing == 3
    assert found.largest["output_mean"].b == 5.0
    assert found.largest["loss"].step == 5
    assert not found.same
    assert "first at step 2, layer 1 forward: output_mean 0.375 against 0.376" in str(found)
    assert compare(a, b, tolerance=0.01).first_difference.b == 5.0


def test_runs_of_different_length(deliver):
    found = compare(record(deliver, steps=2), record(deliver, steps=5))
    assert (found.compared, found.only_in_a, found.only_in_b) == (10, 0, 15)
    assert (found.final_loss_a, found.final_loss_b) == (0.5, 0.0625)
    assert not found.same


def test_absent_against_measured_differs(deliver):
    a, b = record(deliver, steps=1), record(deliver, steps=1)
    next(r for r in b.get_records() if getattr(r, "phase", "") == "forward").dead_units = None
    assert compare(a, b).first_difference.field == "dead_units"


def test_a_tolerance_that_is_none_is_refused(deliver):
    with pytest.raises(ConfigError):
        compare(record(deliver), record(deliver), tolerance=math.nan)
