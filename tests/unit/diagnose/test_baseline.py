"""compare_to_baseline: each measure judged on curves made by hand."""

import math

import pytest

from loom_py.diagnose.baseline import compare_to_baseline
from loom_py.errors import ConfigError, DataError
from loom_py.telemetry.events import TrainingEvent


class Run:
    def __init__(self, losses, validation=(), kind="batch_end"):
        self.events = [TrainingEvent(type=kind, step=i + 1, loss=loss) for i, loss in enumerate(losses)]
        self.events += [TrainingEvent(type="validation", step=i + 1, loss=loss) for i, loss in enumerate(validation)]

    def get_records(self):
        return self.events


def later(run, steps):
    for event in run.events:
        event.step += steps
    return run


def curve(end, steps=200, start=2.0, rate=0.05):
    return [end + (start - end) * math.exp(-rate * step) for step in range(steps)]


def verdicts(baseline, candidate, **options):
    found = compare_to_baseline(Run(baseline), Run(candidate), **options)
    return found.worse, {measure.name: measure.verdict for measure in found.measures}


SAME = dict.fromkeys(("floor", "end", "improvement", "speed"), "same")


def test_the_same_run_is_the_same():
    found = compare_to_baseline(Run(curve(0.5)), Run(curve(0.5)))
    assert not found.worse
    assert [m.baseline for m in found.measures] == [m.candidate for m in found.measures]
    assert str(found).splitlines()[0] == "no worse than the baseline"
    assert str(found.measures[0]).startswith("floor: same (0.5001 → 0.5001, limit 0.525")


def test_floor_and_end_are_judged_apart():
    rising = curve(0.5)[:150] + [0.5 + 0.01 * step for step in range(50)]
    assert verdicts(curve(0.5), rising) == (True, SAME | {"end": "worse", "improvement": "worse"})
    assert verdicts(curve(0.5), curve(0.6), tolerance=0.01)[1] == dict.fromkeys(SAME, "worse")
    assert verdicts(curve(0.5), curve(0.55), tolerance=0.25)[0] is False
    assert verdicts(curve(0.5), curve(0.2)) == (False, dict.fromkeys(SAME, "better"))


def test_speed_is_the_step_at_the_floor_of_the_baseline():
    slow = curve(0.5, steps=800, rate=0.01)
    assert verdicts(curve(0.5), slow) == (True, SAME | {"speed": "worse"})
    assert verdicts(curve(0.5), slow, speed_tolerance=10.0)[0] is False
    assert not compare_to_baseline(Run(curve(0.5)), later(Run(curve(0.5)), 5000)).worse
    never = compare_to_baseline(Run(curve(0.5)), Run(curve(1.0))).measures[3]
    assert (never.candidate, never.verdict) == (math.inf, "worse")


def test_single_batches_do_not_decide():
    jumps = curve(0.5)
    jumps[-1] = 0.6
    assert verdicts(curve(0.5), jumps)[0] is False


def test_losses_near_nothing_are_the_same():
    assert verdicts(curve(1e-7), curve(9e-7)) == (False, SAME)


def test_a_loss_that_is_not_finite_is_worse():
    broken = [*curve(0.5)[:180], math.nan]
    changed = {"end": "worse", "improvement": "worse"}
    assert verdicts(curve(0.5), broken) == (True, SAME | changed)
    assert verdicts(broken, curve(0.5)) == (False, SAME | dict.fromkeys(changed, "better"))


def test_validation_counts_where_both_have_some():
    found = compare_to_baseline(Run(curve(0.5), [1.0, 0.6]), Run(curve(0.5), [1.0, 0.9]))
    assert [m.verdict for m in found.measures if m.name.startswith("validation")] == ["worse", "worse"]
    assert len(compare_to_baseline(Run(curve(0.5), [1.0]), Run(curve(0.5))).measures) == 4


def test_epochs_do_where_there_are_no_batches():
    found = compare_to_baseline(Run([2.0, 1.0], kind="epoch_end"), Run([2.0, 1.5], kind="epoch_end"))
    assert found.measures[0].verdict == "worse"


def test_findings_are_new_or_gone():
    stuck = [2.0] * 400
    ended = Run(stuck)
    ended.events.append(TrainingEvent(type="train_end", step=400, loss=2.0))
    found = compare_to_baseline(Run(stuck), ended)
    assert [f.rule for f in found.new_findings] == ["loss_not_decreasing"]
    assert found.worse
    assert not compare_to_baseline(Run(stuck), ended, fail_on="error").worse
    assert [f.rule for f in compare_to_baseline(ended, Run(stuck)).gone_findings] == ["loss_not_decreasing"]


def test_unusable_arguments_are_refused():
    with pytest.raises(DataError, match="expected training losses, got none"):
        compare_to_baseline(Run([]), Run([1.0]))
    for options in ({"tolerance": -1}, {"speed_tolerance": math.nan}, {"fail_on": "some"}):
        with pytest.raises(ConfigError):
            compare_to_baseline(Run([1.0]), Run([1.0]), **options)
