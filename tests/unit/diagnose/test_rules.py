"""Each rule on records made by hand: what it says, and what it does not say."""

import math

import pytest

from loom_py.diagnose import DiagnosticObserver, Finding, diagnose
from loom_py.diagnose.alarm import Alarm
from loom_py.diagnose.monitor import Monitor
from loom_py.diagnose.ranking import causes_first
from loom_py.errors import ConfigError
from loom_py.telemetry.events import LayerStats, TrainingEvent


def layer(path, type="Dense", activation="relu", shape=(64, 64), children=(), unit_axis=-1):
    return {
        "path": path,
        "type": type,
        "activation": activation,
        "param_shapes": {"weight": shape} if shape else {},
        "fan_in": shape[0] if shape else None,
        "unit_axis": unit_axis,
        "children": list(children),
    }


BLUEPRINT = {
    "layers": [
        layer("0"),
        layer("1", "Residual", None, None, [layer("1.0", activation="tanh"), layer("1.1", activation="sigmoid")]),
        layer("2", activation="relu"),
        layer("3", activation=None, shape=(64, 10)),
    ]
}
LEAVES = ("0", "1.0", "1.1", "2", "3")
FAINT = {"0": 1e-7, "1.0": 1e-6}
ORDER = ("0", "1.0", "1.1", "1", "2", "3")


def record(path, phase="forward", step=0, **changes):
    values = {
        "layer_index": int(path[0]),
        "layer_type": "Residual" if path == "1" else "Dense",
        "row": 0,
        "col": 0,
        "layer": int(path[0]),
        "path": path,
        "phase": phase,
        "step": step,
        "input_shape": (32, 64),
        "output_shape": (32, 64),
        "output_mean": 0.5 if path == "1.1" else 0.0,
        "output_std": 0.2 if path == "1.1" else 0.5,
        "output_min": -1.0,
        "output_max": 1.0,
        "dead_units": 0,
        "zero_fraction": 0.5,
    }
    if path != "1":
        values |= {"weight_norm": 8.0} if phase == "forward" else {"gradient_norm": 0.8, "update_ratio": 1e-3}
    return LayerStats(**(values | changes))


def run(steps, change=lambda record: None, *, blueprint=BLUEPRINT, events=(), start=0):
    """What the rules find in a run of whole passes; `change` spoils records in place."""
    monitor = Monitor(blueprint)
    found = []
    for step in range(start, start + steps):
        for phase in ("forward", "backward"):
            for path in ORDER if phase == "forward" else reversed(ORDER):
                made = record(path, phase, step)
                change(made)
                found += monitor.on_stats(made)
    for event in events:
        found += monitor.on_event(event)
    return found + monitor.end()


def on(path, phase="forward", **values):
    """A change of all records of a layer and phase from a step on; values may be functions of the step."""
    start = values.pop("start", 0)

    def change(made):
        if (made.path, made.phase) == (path, phase) and made.step >= start:
            for name, value in values.items():
                setattr(made, name, value(made.step) if callable(value) else value)

    return change


def on_all(**values):
    """A change of the backward records of all layers with weights."""
    return lambda made: on(made.path, "backward", **values)(made) if made.path in LEAVES else None


def rules(found):
    return [(finding.rule, finding.layer, finding.step) for finding in found]


def test_a_healthy_run_has_nothing_to_report():
    assert run(50) == []
    assert run(50, blueprint=None) == []


def test_an_alarm_waits_rings_once_and_needs_calm_to_ring_again():
    alarm = Alarm(10, 5, 3)
    assert [alarm.update("x", v) for v in (11, 11, 1, 11, 11, 11, 11)] == [False] * 5 + [True, False]
    assert [alarm.update("x", v) for v in (7, 11, 11, 11, math.nan)] == [False] * 5  # never below 5: still ringing
    assert [alarm.update("x", v) for v in [1] * 9 + [11] * 3] == [False] * 12  # not calm for long enough
    assert [alarm.update("x", v) for v in [1] * 10 + [11] * 3] == [False] * 12 + [True]
    low = Alarm(1, 2, 1)
    assert [low.update("y", v) for v in (3, 0.5)] == [False, True]


def test_vanishing_is_a_share_of_the_strongest_layer_whatever_the_scale():
    for scale in (1e-9, 1.0, 1e9):

        def change(made, scale=scale):
            if made.phase == "backward" and made.path in LEAVES:
                made.gradient_norm *= scale * (1e-5 if made.path == "0" else 1)

        assert rules(f for f in run(20, change) if f.rule != "exploding") == [("vanishing", "0", 2)]
    assert run(20, on("0", "backward", gradient_norm=0.8e-3)) == []
    assert run(2, on("0", "backward", gradient_norm=1e-9)) == []  # two passes are not enough
    assert run(20, on("0", "backward", gradient_norm=0.0)) == []  # cut off, not vanishing
    converged = on_all(gradient_norm=0.8e-12)
    assert run(20, converged) == []
    several = run(5, lambda r: on(r.path, "backward", gradient_norm=FAINT[r.path])(r) if r.path in FAINT else None)
    assert rules(several) == [("vanishing", "0", 2)]
    assert several[0].evidence["layers"] == "0, 1.0"


def test_exploding_gradients_outputs_and_losses():
    grows = on("2", "backward", gradient_norm=lambda step: 0.8 * 10.0**step)
    assert rules(run(10, grows))[0] == ("exploding", "2", 4)
    large = on_all(gradient_norm=8.0 * 5e3)
    assert run(30, large) == []
    assert rules(run(30, on("2", "backward", gradient_norm=8.0 * 3e2)))[0] == ("exploding", "2", 1)
    once = on("0", "backward", gradient_norm=lambda step: 0.8 if step else 0.8e5)
    assert ("exploding", "0", 0) in rules(run(3, once))
    assert rules(run(10, on("1.1", output_std=lambda step: 0.5 * 10.0**step)))[-1] == ("exploding", "1.1", 5)
    losses = [TrainingEvent(type="batch_end", step=s, loss=2.0 * 1.5**s) for s in range(30)]
    assert rules(run(1, events=losses)) == [("exploding", None, 11)]
    learns = [TrainingEvent(type="batch_end", step=s, loss=2.0 * 0.9**s) for s in range(30)]
    assert run(1, events=learns) == []


def test_outputs_that_grow_towards_large_targets_are_no_explosion():
    monitor, found = Monitor(BLUEPRINT), []
    for step in range(30):
        found += monitor.on_stats(record("3", step=step, output_std=0.5 * 2.0**step))
        found += monitor.on_event(TrainingEvent(type="batch_end", step=step, loss=1e9 * 0.9**step))
    assert found == []


def test_dead_units_not_zeros():
    half_zeros = on("0", zero_fraction=0.5, dead_units=0)
    assert run(10, half_zeros) == []
    assert rules(run(10, on("0", dead_units=32))) == [("dead_relu", "0", 2)]
    assert run(10, on("0", dead_units=31)) == []
    assert run(10, on("0", dead_units=64, output_shape=(4, 64))) == []  # so few samples say nothing
    assert run(10, on("1.0", dead_units=64)) == []  # tanh
    whole = run(10, on("2", dead_units=64, start=4))
    assert rules(whole) == [("dead_relu", "2", 6)]
    assert whole[0].severity == "error"
    image = on("0", layer_type="Conv2D", output_shape=(32, 8, 28, 28), dead_units=4)
    channels_first = {"layers": [layer("0", "Conv2D", shape=(8, 1, 3, 3), unit_axis=1), *BLUEPRINT["layers"][1:]]}
    assert ("dead_relu", "0", 2) in rules(run(10, image, blueprint=channels_first))
    flapping = on("0", dead_units=lambda step: 40 if step % 3 else 20)
    assert run(30, flapping) == []


def test_saturated_tanh_and_sigmoid_but_not_the_last_layer():
    assert rules(run(10, on("1.0", output_mean=0.0, output_std=0.96))) == [("saturation", "1.0", 2)]
    assert run(10, on("1.0", output_mean=0.0, output_std=0.9)) == []
    assert rules(run(10, on("1.1", output_mean=0.5, output_std=0.49))) == [("saturation", "1.1", 2)]
    assert rules(run(10, on("1.1", output_mean=0.99, output_std=0.01))) == [("saturation", "1.1", 2)]
    assert run(10, on("1.1", output_mean=0.5, output_std=0.1)) == []
    assert run(10, on("2", output_mean=1.0)) == []  # ReLU has no limit
    sure = {"layers": [layer("0"), layer("1", activation="sigmoid")]}
    monitor = Monitor(sure)
    assert [f for s in range(9) for p in "01" for f in monitor.on_stats(record(p, step=s, output_mean=1.0))] == []


def test_update_ratio_too_high_and_frozen():
    assert rules(run(10, on("2", "backward", update_ratio=0.6))) == [("update_ratio", "2", 4)]
    assert rules(run(10, on("2", "backward", update_ratio=3.0))) == [("update_ratio", "2", 0)]
    assert run(10, on("2", "backward", update_ratio=0.3)) == []
    from_zero = on("2", "backward", update_ratio=lambda step: math.inf if step == 0 else 1 / step)
    assert run(10, from_zero) == []
    frozen = run(10, on("1.0", "backward", update_ratio=0.0))
    assert rules(frozen) == [("update_ratio", "1.0", 4)]
    assert "frozen on purpose" in frozen[0].explanation
    everything_small = lambda r: setattr(r, "update_ratio", r.update_ratio * 1e-9)  # noqa: E731
    assert run(10, everything_small) == []
    assert run(10, lambda r: setattr(r, "update_ratio", 0.0)) == []


def test_poor_initialisation_before_the_first_step_only():
    assert rules(run(3, on("0", weight_norm=0.0)))[0] == ("poor_initialisation", "0", 0)
    assert run(3, on("3", weight_norm=0.0)) == []  # a known good start for the last layer
    assert rules(run(3, on("2", weight_norm=8.0 * 11))) == [("poor_initialisation", "2", 0)]
    assert rules(run(3, on("2", weight_norm=8.0 * 0.01))) == [("poor_initialisation", "2", 0)]
    assert run(3, on("2", weight_norm=8.0 * 5)) == []
    assert run(3, on("2", weight_norm=8.0 * 11), start=100) == []
    assert rules(run(3, on("2", output_std=0.5e-3))) == [("poor_initialisation", "2", 0)]
    assert rules(run(3, on("2", output_std=0.6e3))) == [("poor_initialisation", "2", 0)]


def epochs(losses, accuracies=None, batches=50):
    step = 0
    for epoch, loss in enumerate(losses):
        for batch in range(batches):
            step += 1
            accuracy = None if accuracies is None else accuracies[epoch]
            yield TrainingEvent(type="batch_end", step=step, epoch=epoch, batch=batch, loss=loss, accuracy=accuracy)
        yield TrainingEvent(type="epoch_end", step=step, epoch=epoch, loss=loss)


def test_a_loss_that_does_not_decrease():
    assert rules(run(1, events=epochs([2.3, 2.3, 2.29]))) == [("loss_not_decreasing", None, 100)]
    assert run(1, events=epochs([2.3, 2.0, 1.8])) == []
    assert run(1, events=epochs([2.3])) == []  # too early to say
    assert run(1, events=epochs([0.01, 0.01, 0.01], [0.99] * 3)) == []  # nothing left to learn
    # The last layer has 64 outputs here: guessing costs ln 64 = 4.16.
    assert rules(run(1, events=epochs([5.0, 4.5, 4.2, 4.1], [0.02] * 4))) == [("loss_not_decreasing", None, 150)]
    assert run(1, events=epochs([5.0, 4.5, 3.9, 3.0], [0.02] * 4)) == []
    assert len(run(1, events=epochs([1.0] * 100))) == 1  # said once


def test_a_long_run_is_kept_in_little_memory():
    from loom_py.diagnose.rules.loss import LossNotDecreasing
    from loom_py.diagnose.structure import Structure

    rule, found = LossNotDecreasing(Structure()), []
    for step in range(10_000):
        found += rule.on_event(TrainingEvent(type="batch_end", step=step, loss=2.0 * 0.9995**step))
        if step % 100 == 99:
            found += rule.on_event(TrainingEvent(type="epoch_end", step=step, loss=0.0))
    assert found == []
    assert len(rule._losses) <= 256


def validations(losses, training, accuracies=None, training_accuracies=None):
    for epoch, (loss, train) in enumerate(zip(losses, training, strict=True)):
        accuracy = accuracies and accuracies[epoch]
        yield TrainingEvent(type="validation", step=epoch, epoch=epoch, loss=loss, accuracy=accuracy)
        seen = training_accuracies and training_accuracies[epoch]
        yield TrainingEvent(type="epoch_end", step=epoch, epoch=epoch, loss=train, accuracy=seen)


def test_overfitting():
    falling = [1 / (e + 1) for e in range(30)]
    u_shape = [abs(e - 8) * 0.1 + 0.5 for e in range(30)]
    (found,) = run(1, events=validations(u_shape, falling))
    assert (found.rule, found.severity) == ("overfitting", "warning")
    assert 6 <= found.evidence["best_step"] <= 12
    assert run(1, events=validations(falling, falling)) == []
    assert run(1, events=validations(u_shape, u_shape)) == []  # both rise: another matter
    jumpy = [0.5 + (0.4 if e % 3 else 0) for e in range(30)]
    assert run(1, events=validations(jumpy, falling)) == []
    surer = [0.5 + 0.02 * max(e - 8, 0) for e in range(30)]
    (found,) = run(1, events=validations(surer, falling, [0.95] * 30, [1.0] * 30))
    assert found.severity == "info"
    (found,) = run(1, events=validations([0.5] * 30, falling, [0.6] * 30, [0.9] * 30))
    assert (found.severity, round(found.evidence["accuracy_gap"], 2)) == ("warning", 0.3)


def origin(found):
    (finding,) = [f for f in found if f.rule == "nan_origin"]
    return finding


def test_nan_is_traced_to_the_innermost_first_layer_and_reported_once():
    def spoil(made):
        after = made.path in ("1.1", "1", "2", "3") or made.phase == "backward"
        if made.step > 7 or (made.step == 7 and after):
            made.nan_count, made.inf_count = 5, 1

    found = run(20, spoil)
    finding = origin(found)
    assert (finding.layer, finding.step, finding.severity) == ("1.1", 7, "error")
    assert finding.evidence["phase"] == "forward"
    assert finding.evidence["input_from"] == "1.0"
    assert finding.evidence["coverage"] == "complete"
    assert (finding.evidence["nan_count"], finding.evidence["inf_count"]) == (5, 1)
    assert "5 NaN and 1 infinite values in its outputs" in finding.explanation
    assert "layer 1.0 is finite" in finding.explanation


def test_nan_in_the_data_the_weights_and_the_backward_pass():
    data = origin(run(5, on("0", nan_count=3, start=3)))
    assert (data.layer, data.step, data.evidence["input_from"]) == ("0", 3, "the network's input")
    weights = origin(run(5, on("2", weight_norm=math.nan, nan_count=3, start=2)))
    assert (weights.layer, weights.step) == ("2", 2)
    assert weights.evidence["what"] == "weights that are not finite"
    assert "broken by the update" in weights.explanation
    huge = origin(run(5, on("2", weight_norm=math.inf, start=2)))  # each of them may be finite still
    assert huge.evidence["what"] == "weights that are infinite, or so large that their norm is"
    backward = origin(run(5, on("1.0", "backward", nan_count=9, start=2)))
    assert (backward.layer, backward.evidence["phase"], backward.evidence["input_from"]) == ("1.0", "backward", "1.1")
    gradient = origin(run(5, on("2", "backward", gradient_norm=math.inf, start=1)))
    assert (gradient.layer, gradient.step, gradient.evidence["what"]) == (
        "2",
        1,
        "weight gradients that are not finite",
    )
    absent = origin(run(5, on("2", nan_count=1, weight_norm=LayerStats.__dataclass_fields__["weight_norm"].default)))
    assert "outputs" in absent.explanation  # what was not measured is not a NaN


def test_nan_of_the_loss_alone_and_anomalies_that_the_network_located():
    found = origin(run(3, events=[TrainingEvent(type="batch_end", step=3, loss=math.nan)]))
    assert (found.layer, found.step, found.evidence["phase"]) == (None, 3, "loss")
    assert "logits" in found.suggestions[0]
    anomaly = TrainingEvent(type="anomaly", step=4, path="2", loss=1.0, text="3 NaN in the backward pass")
    found = origin(run(3, events=[anomaly]))
    assert (found.layer, found.step, found.evidence["phase"]) == ("2", 4, "backward")


def test_it_does_not_claim_first_where_it_did_not_look():
    monitor = Monitor(BLUEPRINT)
    found = [f for step in (0, 10) for f in monitor.on_stats(record("2", step=step, nan_count=step))] + monitor.end()
    assert origin(found).evidence["coverage"] == "first among the observed"
    assert origin(run(3, on("2", nan_count=1), blueprint=None)).evidence["coverage"] == "first among the observed"


def test_live_and_afterwards_are_the_same_and_findings_are_readable():
    heard = []
    observer = DiagnosticObserver(heard.append)
    observer.on_attach(BLUEPRINT, {})
    records = []
    for step in range(8):
        for path in ORDER:
            records.append(record(path, step=step, dead_units=64 if path == "0" else 0))
            observer.on_layer_forward(0, records[-1])
        for path in reversed(ORDER):
            records.append(record(path, "backward", step, update_ratio=0.9 if path == "2" else 1e-3))
            observer.on_layer_backward(0, records[-1])
        records.append(TrainingEvent(type="batch_end", step=step, loss=math.nan if step == 7 else 1.0))
        observer.on_training_event(records[-1])

    class Recorded:
        class header:
            blueprint = BLUEPRINT

        def get_records(self):
            return records

    observer.close()
    observer.close()
    assert observer.get_findings() == diagnose(Recorded()) == causes_first(heard)
    assert [f.rule for f in heard] == ["dead_relu", "update_ratio", "nan_origin"]
    assert str(heard[0]).startswith("[error] dead_relu in layer 0 at step 2: 64 of 64 units output 0 for every sample")
    assert "Try: LeakyReLU instead of ReLU;" in str(heard[0])
    observer.clear()
    assert observer.get_findings() == []
    assert observer.has_method("GetFindings")


def test_findings_are_bounded():
    observer = DiagnosticObserver(capacity=2)
    for layer_index in range(5):
        for _ in range(3):
            stats = record(str(layer_index), dead_units=64)
            observer.on_layer_forward(0, stats)
    assert len(observer.get_findings()) == 2
    assert isinstance(observer.get_findings()[0], Finding)


def test_what_can_not_be_diagnosed_is_refused():
    with pytest.raises(ConfigError, match="a recording or a network"):
        diagnose([1, 2, 3])
