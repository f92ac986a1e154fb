"""ConsoleObserver prints the guide's lines, hides no NaN and survives a console that knows only ASCII."""

import io
import math

import pytest

from loom_py.errors import ConfigError
from loom_py.observers import ConsoleObserver

GUIDE = """[Layer 0] Dense: 1024 → 512
  Output: mean=0.0234, std=0.8921, range=[-2.15, 4.82]
  Time: 0.125ms
"""


def test_prints_the_guides_lines_on_standard_output(make_stats, capsys):
    ConsoleObserver().on_layer_forward(0, make_stats())
    assert capsys.readouterr().out == GUIDE


def test_stream_option_and_images(make_stats):
    out = io.StringIO()
    ConsoleObserver(stream=out).on_layer_forward(
        0, make_stats(layer_type="Conv2D", input_shape=(4, 1, 28, 28), output_shape=(4, 8, 28, 28))
    )
    assert out.getvalue().startswith("[Layer 0] Conv2D: 1×28×28 → 8×28×28\n")


def test_nan_and_infinity_are_visible(make_stats):
    out = io.StringIO()
    ConsoleObserver(stream=out).on_layer_forward(0, make_stats(nan_count=3, inf_count=1, output_mean=math.nan))
    assert "mean=nan" in out.getvalue()
    assert "3 NaN, 1 Inf" in out.getvalue()


def test_nested_layer_backward_shows_gradients(make_stats):
    out = io.StringIO()
    record = make_stats(path="3.branches.1", phase="backward", gradient_norm=0.0123456, compute_time_ns=None)
    ConsoleObserver(stream=out).on_layer_backward(3, record)
    assert out.getvalue().splitlines() == [
        "[Layer 3.branches.1] Dense: 1024 → 512 (backward)",
        "  Gradient: norm=0.01235, mean=0.0234, std=0.8921, range=[-2.15, 4.82]",
    ]


def test_events_are_readable_and_a_diverged_loss_is_not_zero(make_event):
    out = io.StringIO()
    observer = ConsoleObserver(stream=out)
    observer.on_training_event(make_event("train_start"))
    observer.on_training_event(make_event("batch_start"))
    observer.on_training_event(make_event("epoch_end", epoch=2, loss=math.nan, accuracy=0.951, eta_s=12.3))
    observer.on_training_event(make_event("anomaly", step=7, path="1", text="3 NaN in the outputs of Dense"))
    assert out.getvalue().splitlines() == [
        "[Training] started",
        "[Epoch 2] completed: loss=nan, accuracy=95.1%, 12s left",
        "[Anomaly] step 7 in layer 1: 3 NaN in the outputs of Dense",
    ]


def test_an_ascii_console_gets_plain_signs(make_stats):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with ConsoleObserver(stream=stream) as observer:
        observer.on_layer_forward(0, make_stats(nan_count=1))
    assert raw.getvalue().decode().startswith("[Layer 0] Dense: 1024 -> 512\n")


def test_closed_observer_prints_no_more(make_stats):
    out = io.StringIO()
    observer = ConsoleObserver(stream=out)
    observer.close()
    observer.close()
    observer.on_layer_forward(0, make_stats())
    assert out.getvalue() == ""


def test_bad_options_are_refused():
    with pytest.raises(ConfigError, match="every: expected"):
        ConsoleObserver(every=0)
    with pytest.raises(ConfigError, match=r"pass \['0.1'\]"):
        ConsoleObserver(layers="0.1")
    assert ConsoleObserver(layers=[0, "1.0"]).layers == {"0", "1.0"}
    assert ConsoleObserver().has_method("OnLayerForward")
