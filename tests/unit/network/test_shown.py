"""What a notebook and a prompt show of a network."""

import re

from loom_py import Activation, Dense, Network, Residual


def test_a_network_has_a_table_of_its_layers():
    net = Network.of(4, [Dense(4, 8, "relu"), Residual([Dense(8, 8)]), Dense(8, 3)], seed=0)
    rows = [
        re.findall(r"<td[^>]*>(.*?)</td>", row)
        for row in re.findall(r"<tr>(.*?)</tr>", net._repr_html_())
        if "<td" in row
    ]
    blueprint = net.get_blueprint()
    assert [row[0].strip() for row in rows[:-1]] == [layer.path for layer in blueprint.walk()]
    assert rows[0][:4] == ["0", "Dense relu", "8", "40"]
    assert rows[-1] == ["total", "", "3", f"{blueprint.total_params:,}", f"{blueprint.flops:,}"]
    assert net.get_blueprint()._repr_html_() == net._repr_html_()


def test_names_are_texts():
    net = Network.of(2, [Dense(2, 2)], seed=0)
    net.model_id = "<b>"
    assert "&lt;b&gt;" in net._repr_html_()
    assert "<b>" not in net._repr_html_()


def test_a_network_says_what_it_is():
    assert repr(Network.of((2, 3), [Activation("relu")])) == "<Network model: 2×3 → Activation>"


def test_layers_that_do_not_fit_are_shown_with_the_reason():
    net = Network(2, 1, 1, 1, seed=0)
    net.set_layer(0, 0, 0, Dense(3, 2))
    assert "got 2" in net._repr_html_()
    assert repr(net) == "<Network model: 2 → Dense>"
