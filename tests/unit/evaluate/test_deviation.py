"""DeviationMetrics: deviation, buckets, scores, worst samples, merging, files."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loom_py.errors import ConfigError, DataError, FileFormatError, ShapeError
from loom_py.evaluate import DeviationMetrics

NAMES = ["Perfect", "Excellent", "Good", "Acceptable", "Poor", "Bad", "Failed"]


def bucket_of(deviation, preset="guide"):
    metrics = DeviationMetrics(preset)
    metrics.update([1 + deviation], [1])
    return metrics.bucket_counts.index(1)


# Deviations that binary fractions hold exactly, on and beside the edges that they can hit.
@pytest.mark.parametrize(
    ("deviation", "index"),
    [
        (0, 0), (2**-20, 0), (2**-19, 1), (1 / 32, 1), (1 / 16, 2), (1 / 8, 3), (1 / 4, 4), (0.4375, 4),
        (0.5, 5), (-0.5, 5), (1.0, 5), (1 + 2**-40, 6), (-3.0, 6), (1e300, 6),
    ],
)  # fmt: skip
def test_buckets_of_the_guide(deviation, index):
    assert bucket_of(deviation) == index


@pytest.mark.parametrize("preset", ["guide", "loom"])
def test_edges_are_exactly_as_written(preset):
    buckets = DeviationMetrics(preset).buckets
    guide = [1e-6, 0.05, 0.10, 0.20, 0.50, 1.0]
    loom = [0.10, 0.20, 0.30, 0.40, 0.50, 1.0]
    inclusive = {"guide": {1e-6, 1.0}, "loom": set(loom)}[preset]
    for index, edge in enumerate({"guide": guide, "loom": loom}[preset]):
        assert buckets.index_of(np.nextafter(edge, 0)) == index
        assert buckets.index_of(edge) == (index if edge in inclusive else index + 1)
        assert buckets.index_of(np.nextafter(edge, 2)) == index + 1
    for value in (math.nan, math.inf, -math.inf, 1e308):
        assert buckets.index_of(value) == 6


def test_deviation_is_relative_absolute_near_zero_and_aggregated():
    assert DeviationMetrics().update([11.0, 22.0], [10.0, 20.0]) == pytest.approx(0.1)
    assert DeviationMetrics().update([11.0, 30.0], [10.0, 20.0]) == pytest.approx(0.5)
    assert DeviationMetrics(aggregate="mean").update([11.0, 30.0], [10.0, 20.0]) == pytest.approx(0.3)
    assert DeviationMetrics().update([0.25], [0.0]) == 0.25
    assert DeviationMetrics().update([0.25], [1e-11]) == pytest.approx(0.25)
    assert DeviationMetrics(eps=1e-12).update([0.25], [1e-11]) == pytest.approx(2.5e10)
    assert DeviationMetrics().update([-1.0], [1.0]) == 2.0
    assert math.isfinite(DeviationMetrics().update([1e308], [-1e-9]))  # a finite prediction is not invalid


def test_classes_are_never_a_distance_between_class_numbers():
    metrics = DeviationMetrics()
    assert metrics.update_class([0.1, 0.9], 1) == pytest.approx(0.1)
    nine_for_eight = np.zeros(10)
    nine_for_eight[9] = 1.0
    assert metrics.update_class([1.0, 0.0], 0) == 0.0
    assert DeviationMetrics().update_class(nine_for_eight, 8) == 1.0
    assert DeviationMetrics().update_class(nine_for_eight, 0) == 1.0


def test_a_label_is_added_as_a_class_or_the_way_is_named():
    metrics, same = DeviationMetrics(), DeviationMetrics()
    for label in (2, np.int64(2), 2.0, np.array(2), [2]):
        assert metrics.update([0.1, 0.2, 0.7], label) == pytest.approx(0.3)
        same.update_class([0.1, 0.2, 0.7], 2)
    assert math.isnan(metrics.update([0.1, math.nan, 0.7], 2))
    same.update_class([0.1, math.nan, 0.7], 2)
    assert metrics.to_json() == same.to_json()
    with pytest.raises(ShapeError, match="update_class"):
        metrics.update([1.0, -2.0, 7.0], 2)  # no probabilities
    with pytest.raises(DataError, match="label: expected a class number from 0 to 2, got 3"):
        metrics.update([0.1, 0.2, 0.7], 3)
    with pytest.raises(DataError, match=r"label: expected a class number, got 0\.5"):
        metrics.update([0.1, 0.2, 0.7], 0.5)
    assert metrics.to_json() == same.to_json()
    assert DeviationMetrics().update([0.5], 1) == 0.5  # one output is a value


@pytest.mark.parametrize(
    "options",
    [{"worst": 2.5}, {"worst": -1}, {"samples_per_bucket": None}, {"eps": "x"}, {"eps": math.nan}, {"eps": 0}],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match=f"{next(iter(options))}: expected a"):
        DeviationMetrics(**options)


def test_metrics_merged_with_themselves_count_twice():
    metrics = DeviationMetrics()
    for sample in range(3):
        metrics.update([float(sample)], [1.0])
        metrics.update_class([0.25, 0.75], sample % 2)
    twice = DeviationMetrics.from_json(metrics.to_json())
    twice.merge(metrics)
    metrics.merge(metrics)
    assert metrics.to_json() == twice.to_json()
    assert len(metrics.get_worst_samples(1000)) == metrics.count == 12


def test_invalid_samples_fail_are_counted_and_come_first():
    metrics = DeviationMetrics()
    metrics.update([5.0], [1.0], "bad")
    metrics.update([math.nan], [1.0], "nan")
    metrics.update([1.0], [math.inf], "inf")
    metrics.update([1.0], [1.0], "good")
    assert math.isnan(metrics.update_class([math.nan, 0.5], 1, "class"))
    assert (metrics.count, metrics.invalid, metrics.bucket_counts[6]) == (5, 3, 4)
    assert metrics.get_bucket_counts() == dict(zip(NAMES, [1, 0, 0, 0, 0, 0, 4], strict=True))
    worst = metrics.get_worst_samples(10)
    assert [sample.sample_id for sample in worst] == ["class", "inf", "nan", "bad", "good"]
    assert math.isnan(worst[0].deviation)
    assert (worst[3].expected, worst[3].predicted, worst[3].deviation) == ((1.0,), (5.0,), 4.0)
    assert metrics.score == pytest.approx(100 / 5)


def test_score_is_live_and_weighted_score_favours_better_buckets():
    metrics = DeviationMetrics()
    assert math.isnan(metrics.score)
    assert math.isnan(metrics.weighted_score)
    metrics.update([1.25], [1])
    assert metrics.score == pytest.approx(75)
    metrics.update([4], [1])
    assert metrics.score == pytest.approx(37.5)
    assert metrics.weighted_score == pytest.approx(100 * 0.25 / 2)
    consistent, unstable = DeviationMetrics(), DeviationMetrics()
    for shares, target in (((75, 15, 5, 3, 2), consistent), ((30, 20, 30, 15, 5), unstable)):
        for count, deviation in zip(shares, (0, 0.03, 0.07, 0.15, 0.3), strict=True):
            for _ in range(count):
                target.update([1 + deviation], [1])
    compared = consistent.compare(unstable)
    assert compared.better == "a"
    assert compared.shares_a[:5] == (0.75, 0.15, 0.05, 0.03, 0.02)
    assert unstable.compare(consistent).better == "b"
    assert unstable.compare(unstable).better == "equal"
    assert str(compared).splitlines()[1] == "Perfect       75.0%    30.0%"


def test_the_guides_loop():
    metrics = DeviationMetrics()
    for sample in range(30):
        metrics.update(np.array([sample + 1.0], np.float32), np.array([sample + 2.0], np.float32))
    worst = metrics.get_worst_samples(10)
    assert [s.sample_id for s in worst] == list(range(10))
    assert f"Sample {worst[0].sample_id}: {worst[0].deviation * 100:.1f}% deviation" == "Sample 0: 50.0% deviation"
    assert metrics.get_samples_in_bucket("bad") == [0]
    assert metrics.get_samples_in_bucket("Poor") == [1, 2, 3]
    assert f"Quality Score: {metrics.score:.1f}%" == f"Quality Score: {metrics.score:.1f}%"
    metrics.reset()
    assert (metrics.count, metrics.get_worst_samples(3), metrics.bucket_counts) == (0, [], [0] * 7)
    with pytest.raises(ConfigError, match="one of Perfect"):
        metrics.get_samples_in_bucket("Ugly")


def test_report_is_the_guides_picture():
    metrics = DeviationMetrics()
    for count, deviation in ((40, 0), (20, 0.0625), (1, 9)):
        for _ in range(count):
            metrics.update([1 + deviation], [1])
    metrics.update([math.nan], [1])
    assert metrics.report().splitlines() == [
        "Deviation Buckets:",
        "Perfect    │████████████████████│ 40 ( 64.5%)  0% deviation (exactly right)",
        "Excellent  │                    │  0 (  0.0%)  <5% deviation (very close)",
        "Good       │██████████          │ 20 ( 32.3%)  <10% deviation (close enough)",
        "Acceptable │                    │  0 (  0.0%)  <20% deviation (okay)",
        "Poor       │                    │  0 (  0.0%)  <50% deviation (significant error)",
        "Bad        │                    │  0 (  0.0%)  ≤100% deviation (very wrong)",
        "Failed     │█                   │  2 (  3.2%)  >100% deviation (completely wrong)",
        "           └────────────────────┘",
        "            Number of samples: 62",
        "⚠ 1 of them invalid (NaN or infinite)",
        "Quality Score: 94.8%   weighted: 88.7%",
    ]
    assert "nan" in DeviationMetrics().report()


values = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, 0.0]))
samples = st.lists(st.tuples(values, values, st.integers(0, 50)), max_size=12)
classified = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1), st.integers(0, 50)), max_size=8)


def metrics_of(pairs, classes, **options):
    metrics = DeviationMetrics(worst=5, samples_per_bucket=3, **options)
    for output, target, name in pairs:
        metrics.update([output], [target], name)
    for probability, label, name in classes:
        metrics.update_class([1 - probability, probability], label, name)
    return metrics


def merged(*parts):
    total = DeviationMetrics(worst=5, samples_per_bucket=3)
    for part in parts:
        total.merge(part)
    return total


def comparable(metrics, *, exact):
    state = json.loads(metrics.to_json())
    regression = state.pop("regression")
    return (state, regression) if exact else (state, [metrics.mae, metrics.rmse, metrics.regression.count])


@given(st.lists(st.tuples(samples, classified), min_size=3, max_size=3))
def test_merging_is_associative_and_the_same_as_one_stream(parts):
    a, b, c = (metrics_of(*part) for part in parts)
    left, right = merged(merged(a, b), c), merged(a, merged(b, c))
    stream = metrics_of([p for pairs, _ in parts for p in pairs], [c for _, classes in parts for c in classes])
    for other in (right, stream, merged(c, a, b)):
        # Buckets, scores, worst samples, ids, classes: exactly. Sums of floats: up to rounding.
        assert comparable(left, exact=False)[0] == comparable(other, exact=False)[0]
        np.testing.assert_allclose(
            comparable(left, exact=False)[1], comparable(other, exact=False)[1], rtol=1e-9, equal_nan=True
        )


@given(samples, classified)
def test_json_round_trip(pairs, classes):
    metrics = metrics_of(pairs, classes)
    text = metrics.to_json()
    again = DeviationMetrics.from_json(text)
    assert again.to_json() == text
    assert again.report() == metrics.report()
    again.update([1.0], [1.0])
    assert again.count == metrics.count + 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.replace('"version": 1', '"version": 2'),
        lambda s: s.replace('"count": 3', '"count": 4', 1),
        lambda s: s.replace('"invalid": 0', '"invalid": -1', 1),
        lambda s: s.replace('"count": 3', '"count": true', 1),
        lambda s: s.replace('"eps": 1e-10', '"eps": NaN'),
        lambda s: s.replace('"eps": 1e-10', '"eps": "small"'),
        lambda s: s.replace('"score_units": "', '"score_units": "x'),
        lambda s: s.replace('"buckets": [', '"buckets": ['[:-1] + "3, "),
        lambda s: s.replace('"deviation": 0.5', '"deviation": "lots"'),
        lambda s: s.replace('"confusion": []', '"confusion": [[1], [2]]'),
        lambda s: s.replace('"bin_count": [0, ', '"bin_count": ['),
        lambda s: s.replace('"sample_ids": [1]', '"sample_ids": [null]'),
        lambda s: s[:-5],
        lambda s: "[]",
        lambda s: "[" * 100_000,
    ],
)
def test_damaged_files_are_refused(damage):
    metrics = DeviationMetrics()
    for output in (1.0, 1.5, 2.5):
        metrics.update([output], [1.0])
    text = metrics.to_json()
    assert damage(text) != text
    with pytest.raises((FileFormatError, ConfigError)):
        DeviationMetrics.from_json(damage(text))


def test_memory_stays_bounded():
    metrics = DeviationMetrics(worst=10, samples_per_bucket=20)
    rng = np.random.default_rng(0)
    deviations = rng.permutation(20_000) / 10_000
    for deviation in deviations:
        metrics.update([1 + deviation], [1.0])
    assert [s.deviation for s in metrics.get_worst_samples(100)] == pytest.approx(np.sort(deviations)[:-11:-1])
    assert sum(metrics.bucket_counts) == 20_000
    for name, count in zip(NAMES, metrics.bucket_counts, strict=True):
        assert len(metrics.get_samples_in_bucket(name)) == min(20, count)
    assert len(metrics.to_json()) < 20_000
    # A fair sample is not the first or the last ones.
    ids = metrics.get_samples_in_bucket("Failed")
    assert 4000 < np.mean(ids) < 16_000


def test_refused_samples_change_nothing():
    metrics = DeviationMetrics()
    metrics.update([1.0, 2.0], [1.0, 2.0])
    metrics.update_class([0.5, 0.5], 1)
    before = metrics.to_json()
    for error, call in [
        (ShapeError, lambda: metrics.update([1.0], [1.0, 2.0])),
        (ShapeError, lambda: metrics.update([1.0], [1.0])),
        (DataError, lambda: metrics.update(["a"], [1.0])),
        (DataError, lambda: metrics.update([], [])),
        (DataError, lambda: metrics.update([1.0, 2.0], [1.0, 2.0], 1.5)),
        (DataError, lambda: metrics.update_class([0.5, 0.5], 2)),
        (DataError, lambda: metrics.update_class([0.5, 0.5], -1)),
        (DataError, lambda: metrics.update_class([0.5, 0.5], 0.5)),
        (DataError, lambda: metrics.update_class([3.0, -1.0], 0)),
        (ShapeError, lambda: metrics.update_class([0.2, 0.2, 0.6], 0)),
        (DataError, lambda: metrics.update_batch([[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]])),
        (ConfigError, lambda: metrics.merge(DeviationMetrics("loom"))),
        (ConfigError, lambda: metrics.compare(DeviationMetrics("loom"))),
    ]:
        with pytest.raises(error):
            call()
        assert metrics.to_json() == before
    for options in ({"preset": "x"}, {"aggregate": "x"}, {"eps": 0}, {"eps": math.nan}, {"worst": -1}):
        with pytest.raises(ConfigError):
            DeviationMetrics(**options)


def test_batches_are_their_samples():
    rng = np.random.default_rng(1)
    outputs, targets = rng.standard_normal((2, 50, 3))
    one, whole = DeviationMetrics(), DeviationMetrics()
    whole.update_batch(outputs, targets)
    for output, target in zip(outputs, targets, strict=True):
        one.update(output, target)
    assert whole.to_json() == one.to_json()
    assert whole.get_method_signature("UpdateBatch").startswith("update_batch(outputs: ArrayLike")
