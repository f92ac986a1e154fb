"""The dashboard in a notebook: messages go out at once, and again to a view that missed them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from loom_py import Dense, Network, UnavailableError
from loom_py.errors import ConfigError

pytestmark = pytest.mark.cpython
widget = pytest.importorskip("loom_py.widget", exc_type=UnavailableError)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], Any]]:
    found: list[tuple[dict[str, Any], Any]] = []
    monkeypatch.setattr(widget.Dashboard, "send", lambda self, content, buffers=None: found.append((content, buffers)))
    return found


def net() -> Network:
    return Network.of(2, [Dense(2, 8, "relu"), Dense(8, 2)], seed=0)


def train(network: Network) -> None:
    x = np.random.default_rng(0).normal(size=(64, 2))
    network.fit(x, (x[:, 0] > 0).astype(int), epochs=2, batch_size=16)


def test_a_run_is_told_while_it_goes_on(sent: list[Any]) -> None:
    network = net()
    dashboard = widget.Dashboard(network, budget=None)
    train(network)
    assert [content["number"] for content, _ in sent] == list(range(len(sent)))
    assert sent[0][0]["kind"] == "blueprint"
    kinds = {content["kind"] for content, _ in sent}
    assert kinds == {"blueprint", "stats", "training"}
    for content, buffers in sent[1:]:
        assert "data" not in content
        assert len(buffers[0]) == 4 * content["rows"] * len(content["columns"])
    before = len(sent)
    dashboard.close()
    train(network)
    assert len(sent) == before


def test_a_view_that_missed_messages_gets_them(sent: list[Any]) -> None:
    network = net()
    dashboard = widget.Dashboard(network, budget=None)
    train(network)
    first = list(sent)
    sent.clear()
    dashboard._answer(dashboard, {"kind": "history", "before": 2}, [])
    assert sent == first[:2]
    sent.clear()
    dashboard._answer(dashboard, {"kind": "history"}, [])
    assert sent == first


def test_what_is_kept_is_bounded_and_has_the_structure(sent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widget, "KEPT_BYTES", 4000)
    network = net()
    dashboard = widget.Dashboard(network, budget=None)
    for _ in range(10):
        train(network)
    kept = list(dashboard._log)
    assert kept[0]["kind"] == "blueprint"
    assert sum(widget._size(message) for message in kept[1:]) <= 4000
    assert kept[-1]["number"] == len(sent) - 1


def test_it_refuses_what_it_can_t_watch() -> None:
    with pytest.raises(ConfigError, match="watch_torch"):
        widget.Dashboard(object())
    with pytest.raises(ConfigError, match="every"):
        widget.Dashboard(net(), every=0)


def test_without_anywidget_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['anywidget'] = None\nimport loom_py.widget"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UnavailableError" in done.stderr
    assert 'pip install "loom-py[notebook]"' in done.stderr
