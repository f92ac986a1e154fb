"""Causes before their consequences, on findings made by hand and on runs with planted faults."""

import numpy as np

from loom_py.diagnose import Finding, diagnose
from loom_py.diagnose.ranking import causes_first
from loom_py.layers import Dense
from loom_py.model import Network
from loom_py.observers.recording import RecordingObserver
from loom_py.train.config import TrainingConfig


def finding(rule, step, severity="warning", layer="0"):
    return Finding(rule, layer, step, severity, {}, "", ("",))


def ranked(*findings):
    return [(found.rule, found.cause) for found in causes_first(findings)]


def test_consequences_follow_their_cause_and_graver_causes_come_first():
    other = finding("overfitting", 1)
    dead, frozen = finding("dead_relu", 2, "error"), finding("update_ratio", 4)
    assert ranked(other, dead, frozen) == [
        ("dead_relu", None),
        ("update_ratio", "dead_relu in layer 0"),
        ("overfitting", None),
    ]


def test_of_two_rules_that_may_follow_each_other_the_first_is_the_cause():
    dead, large = finding("dead_relu", 9, "error"), finding("update_ratio", 0)
    assert ranked(large, dead) == [("update_ratio", None), ("dead_relu", "update_ratio in layer 0")]


def test_what_began_later_is_no_cause():
    assert ranked(finding("poor_initialisation", 0), finding("dead_relu", 50)) == [
        ("poor_initialisation", None),
        ("dead_relu", None),
    ]


def test_what_was_long_ago_is_no_cause():
    assert ranked(finding("poor_initialisation", 0), finding("nan_origin", 10_000, "error", "7")) == [
        ("nan_origin", None),
        ("poor_initialisation", None),
    ]


def test_a_group_is_as_grave_as_its_gravest_finding():
    mild, lost = finding("saturation", 3, "info"), finding("loss_not_decreasing", 900, "error", None)
    assert ranked(finding("overfitting", 1), mild, lost) == [
        ("saturation", None),
        ("loss_not_decreasing", "saturation in layer 0"),
        ("overfitting", None),
    ]


def test_ranking_again_changes_nothing():
    once = causes_first([finding("dead_relu", 2), finding("update_ratio", 4), finding("saturation", 4)])
    assert causes_first(once) == once


def blobs():
    x = np.random.default_rng(0).normal(size=(256, 4)).astype(np.float32)
    return x, (x.sum(axis=1) > 0).astype(np.int64)


def recorded(net, **options):
    recording = RecordingObserver()
    net.set_observer(recording)
    with np.errstate(all="ignore"):
        net.fit(*blobs(), TrainingConfig(epochs=15, **options))
    return diagnose(recording)


def test_a_dead_layer_is_the_only_cause():
    net = Network.of(4, [Dense(4, 16, "relu"), Dense(16, 16, "relu"), Dense(16, 2)], seed=0)
    parameters = net.parameters()
    parameters["1.bias"].fill(-100)
    net.set_parameters(parameters)
    found = recorded(net, learning_rate=0.05)
    assert [(f.rule, f.layer) for f in found if f.cause is None] == [("dead_relu", "1")]
    assert len(found) > 1


def test_a_rate_of_ten_is_one_cause():
    net = Network.of(4, [Dense(4, 16, "relu"), Dense(16, 16, "relu"), Dense(16, 2)], seed=0)
    found = recorded(net, optimizer="adam", learning_rate=10.0)
    assert [f.rule for f in found if f.cause is None] == ["update_ratio"]
    assert len(found) > 1


def test_a_trained_network_has_no_initial_weights():
    net = Network.of(4, [Dense(4, 2)], seed=0)
    recorded(net, optimizer="adam", learning_rate=0.5)
    parameters = net.parameters()
    parameters["0.weight"] *= 100
    net.set_parameters(parameters)
    assert diagnose(net) == []
