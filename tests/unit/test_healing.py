"""Remedies change what they name, in a network of their own."""

from __future__ import annotations

import numpy as np
import pytest

import loom_py as nn
from loom_py.diagnose.remedies import REMEDIES

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
RELU = nn.Remedy("", {"activation": {"sigmoid": "relu", "tanh": "relu"}})


def kinds(net: nn.Network) -> list[str | None]:
    return [layer.activation for layer in net.get_blueprint().walk()]


def finding(rule: str) -> nn.Finding:
    return nn.Finding(rule, None, None, "warning", {}, "", ("a look",))  # type: ignore[arg-type]


def test_an_activation_changes_in_hidden_layers_alone() -> None:
    inner = nn.Residual([nn.Dense(8, 8, "tanh"), nn.Activation("sigmoid")])
    net = nn.Network.of(4, [nn.Dense(4, 8, "sigmoid"), inner, nn.Dense(8, 1, "sigmoid"), nn.Identity()], seed=3)
    made = net.apply(RELU)
    assert kinds(made) == ["relu", None, "relu", "relu", "sigmoid", None]
    assert kinds(net) == ["sigmoid", None, "tanh", "sigmoid", "sigmoid", None]
    assert made.seed == 3


def test_recurrent_layers_keep_their_bounds() -> None:
    net = nn.Network.of((5, 4), [nn.RNN(4, 8, return_sequences=False), nn.Dense(8, 2)], seed=0)
    assert net.apply(RELU).to_config() == net.to_config()


def test_a_grid_of_cells_is_kept() -> None:
    net = nn.Network(4, rows=2, cols=1, layers_per_cell=2, seed=0)
    net.set_layer(0, 0, 0, nn.Dense(4, 6, "sigmoid"))
    net.set_layer(1, 0, 0, nn.Dense(6, 2))
    made = net.apply(nn.Remedy("", {"normalise_input": True}))
    assert made.to_config()["grid"] == net.to_config()["grid"]
    assert [layer.type for layer in made.get_blueprint().walk()][:3] == ["Sequential", "BatchNorm", "Dense"]


def test_the_network_and_its_options_stay_as_they_are() -> None:
    net = nn.Network.of(4, [nn.Dense(4, 8, "relu"), nn.Dense(8, 2)], seed=0)
    net.fit(X, Y, epochs=1)
    before, config = net.parameters(), nn.TrainingConfig(learning_rate=99.0)
    healing = nn.heal(net, nn.Remedy("", {"learning_rate": "trial", "gradient_clip": 1.0}), X, Y, config)
    assert 1e-4 < healing.options["learning_rate"] <= 1
    assert (healing.options["gradient_clip"], config.learning_rate) == (1.0, 99.0)
    for name, values in net.parameters().items():
        np.testing.assert_array_equal(values, before[name])
    fresh = nn.Network.of(4, [nn.Dense(4, 8, "relu"), nn.Dense(8, 2)], seed=0).parameters()
    for name, values in healing.network.parameters().items():
        np.testing.assert_array_equal(values, fresh[name])


def test_findings_have_remedies_that_can_be_carried_out() -> None:
    net = nn.Network.of(4, [nn.Dense(4, 8, "sigmoid"), nn.Dense(8, 2, "tanh")], seed=0)
    for rule, remedies in REMEDIES.items():
        assert finding(rule).remedies == remedies
        for remedy in remedies:
            healing = nn.heal(net, remedy, X, Y, epochs=1)
            healing.network.fit(X, Y, **healing.options)


def test_a_rate_that_was_found_to_work_is_the_first_remedy() -> None:
    net = nn.Network.of(4, [nn.Dense(4, 8, "relu"), nn.Dense(8, 2)], seed=0)
    (found,) = [f for f in nn.check(net, X, Y, learning_rate=1e5) if f.rule == "learning_rate"]
    assert found.remedies[0].change == {"learning_rate": found.evidence["works"]}


def test_what_can_t_be_healed_is_refused_in_words() -> None:
    net = nn.Network.of((4, 4), [nn.Flatten(), nn.Dense(16, 2), nn.Softmax()], seed=0)
    x = np.zeros((8, 4, 4))
    refused = {
        "which has none; see its suggestions: a look": finding("missing_class"),
        "inputs of one axis": nn.Remedy("", {"normalise_input": True}),
        "a last layer with an activation, got Softmax": nn.Remedy("", {"last_activation": "linear"}),
        "the loss of a batch falls": nn.Remedy("", {"learning_rate": "trial"}),
    }
    for words, remedy in refused.items():
        with pytest.raises(nn.ConfigError, match=words):
            nn.heal(net, remedy, x, np.tile([0, 1], 4))
