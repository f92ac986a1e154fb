"""Every observer refuses options that it can't work with when it is made, in words."""

import io

import numpy as np
import pytest

from loom_py.diagnose import DiagnosticObserver
from loom_py.errors import ConfigError
from loom_py.observers import (
    Backoff,
    CanvasObserver,
    ChannelObserver,
    ConsoleObserver,
    HTTPObserver,
    OTLPObserver,
    RecordingObserver,
    TensorBoardObserver,
)
from loom_py.telemetry.observer import LoomObserver, Observer
from loom_py.telemetry.sampling import Sampling

URL = "http://127.0.0.1:9/"
NAN, INF = float("nan"), float("inf")
FIRST = {CanvasObserver: [print], HTTPObserver: [URL], OTLPObserver: [URL], TensorBoardObserver: ["/nowhere"]}
OBSERVERS = [
    CanvasObserver,
    ChannelObserver,
    ConsoleObserver,
    DiagnosticObserver,
    HTTPObserver,
    OTLPObserver,
    Observer,
    RecordingObserver,
    TensorBoardObserver,
]
SAMPLING = {
    "every": [0, -1, 1.5, NAN, "2", None, True],
    "budget": [0, 1, -0.1, NAN, INF, "5 %"],
    "layers": ["0", 3, True],
}
DELIVERY = {
    "capacity": [0, -1, 2.5, None],
    "batch": [0, -1, INF, "many"],
    "interval_s": [INF, NAN, -1, None, "1"],
    "timeout_s": [0, INF, NAN, -1],
    "close_s": [INF, NAN, -1],
    "backoff": [3, {}],
    "headers": [["X"], {"X": 1}, {1: "x"}, {"X": None}, {"X": b"y"}, {"Content-Length": "1"}, {"X": "a\nb"}],
}
BAD = {
    CanvasObserver: {"interval_s": [INF, NAN, -1], "capacity": [0, NAN], "sink": [None, 3]},
    ChannelObserver: {"capacity": [0, -1, INF, "x"], "policy": ["drop", None, 3]},
    ConsoleObserver: {"stream": ["stdout", 3]},
    DiagnosticObserver: {"capacity": [-1, 0, 1.5], "on_finding": [3]},
    HTTPObserver: DELIVERY | {"output_values": [1, "yes"]},
    OTLPObserver: DELIVERY | {"resource": [{"service.name": 3}, {"a": None}, {1: "x"}, {"a": "\ud800"}]},
    RecordingObserver: {"capacity": [0, -1, 2.5], "values_bytes": [-1, NAN, INF], "histograms": [1]},
    TensorBoardObserver: {"log_dir": [3, None], "histograms": ["yes"]},
}


@pytest.mark.parametrize("made", OBSERVERS, ids=lambda made: made.__name__)
def test_bad_options_are_refused_and_named(made):
    for name, values in (SAMPLING | BAD.get(made, {})).items():
        for value in values:
            given = [] if name in ("sink", "log_dir") else FIRST.get(made, [])
            with pytest.raises(ConfigError, match=r"expected|must be") as refused:
                made(*given, **{name: value})
            assert name.split("_")[0].removesuffix("s") in str(refused.value)


def test_every_observer_of_the_package_checks_its_options():
    def of(cls):
        return [cls, *(found for sub in cls.__subclasses__() for found in of(sub))]

    ours = [cls for cls in (*of(LoomObserver), DiagnosticObserver, Observer) if cls.__module__.startswith("loom_py.")]
    assert {cls for cls in ours if "__init__" in vars(cls)} == set(OBSERVERS)
    assert all(hasattr(cls.__init__, "__wrapped__") for cls in OBSERVERS)


def test_numbers_of_numpy_streams_and_lists_are_taken():
    stream = io.StringIO()
    observer = ConsoleObserver(stream=stream, every=np.int64(3), budget=np.float32(0.5), layers=(np.int64(1), "2.0"))
    assert (observer.every, observer.budget, observer.layers) == (3, 0.5, {"1", "2.0"})
    assert ConsoleObserver(layers=iter([0])).layers == {"0"}


@pytest.mark.parametrize(
    "options",
    [
        {"first_s": NAN},
        {"first_s": -1},
        {"factor": INF},
        {"factor": 0},
        {"longest_s": INF},
        {"jitter": 2},
        {"attempts": 0},
    ],
)
def test_a_backoff_is_checked(options):
    with pytest.raises(ConfigError, match=f"Backoff.{next(iter(options))}: expected a"):
        Backoff(**options)


@pytest.mark.parametrize(
    "url", ["http://me:secret@localhost/", "http://me:secret@localhost:99999/", "http://h/ü", 3, None, b"x"]
)
def test_addresses_are_refused_without_showing_a_password(url):
    with pytest.raises(ConfigError, match=r"url: expected") as refused:
        HTTPObserver(url)
    assert "secret" not in str(refused.value)


def test_a_header_that_is_no_text_is_named_and_not_shown():
    with pytest.raises(ConfigError) as refused:
        HTTPObserver(URL, headers={"Authorization": "Bearer secret", "X-Count": 3})
    assert "expected a dict with a text at ['X-Count'] or None, got a dict" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_budget_that_is_set_later_is_checked_too():
    for budget in (0, NAN, "5 %"):
        with pytest.raises(ConfigError, match="budget: expected a number"):
            Sampling(1, budget)
