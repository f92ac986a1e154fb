"""Attention over long contexts: the matrix of scores is left out where it pays, and nothing else is different."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from loom_py import (
    CrossEntropy,
    Dense,
    LayerNorm,
    MultiHeadAttention,
    Network,
    RecordingObserver,
    Residual,
    TrainingConfig,
)
from loom_py.executors.base import Executor
from loom_py.executors.numpy import NumpyExecutor
from loom_py.layers import attend as core
from loom_py.program import Program
from loom_py.shapes import AnyArray
from tests.ops import machines

EXECUTORS: dict[str, Executor] = {"numpy": NumpyExecutor(), "wasm": machines.wasm()[1]}
if _gpu := machines.webgpu():
    EXECUTORS["webgpu"] = _gpu[1]
LENGTH = core.CAUSAL_LENGTH + 1
CONFIG = TrainingConfig(loss=CrossEntropy(ignore_label=-1), epochs=4, batch_size=2, learning_rate=0.5, shuffle=False)


@contextmanager
def kept() -> Iterator[None]:
    """The matrix of scores in memory whatever the rule says."""
    with patch.object(core, "fused", lambda *_args, **_options: False):
        yield


def network(length: int = LENGTH, **options: Any) -> Network:
    block = Residual([LayerNorm(8), MultiHeadAttention(8, 4, **{"causal": True, **options})])
    return Network.of((length, 8), [block, Dense(8, 3)], seed=4)


def data(length: int = LENGTH) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Sequences, the labels of their positions, and what of them is no padding."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal((4, length, 8)).astype(np.float32)
    return (
        x,
        (x[..., 0] > np.roll(x[..., 1], 1, axis=1)).astype(np.int32),
        np.arange(length) < 200 + np.arange(4)[:, None],
    )


def step_of(net: Network) -> Program:
    """The Program of a training step that was run."""
    kinds = (r.loaded.program for k, r in net.engine._ready.items() if isinstance(k, tuple) and k[0] == "step")
    return next(kinds)


def trained(net: Network, config: TrainingConfig = CONFIG, **options: Any) -> list[float]:
    x, labels, mask = (array[: 2 * config.batch_size] for array in data(net.input_shape[0]))
    return list(net.fit(x, labels, config, mask=mask if options.get("masked") else None).loss_history)


def verbs_of(program: Program) -> set[str]:
    return {i.verb.name for i in program.instructions}


@pytest.mark.parametrize(
    ("b", "heads", "t", "causal", "wanted"),
    [
        (1, 1, 255, True, False),
        (1, 1, 256, True, True),
        (1, 1, 2048, False, False),
        (1, 1, 2049, False, True),
        (4, 4, 512, False, False),
        (5, 4, 512, False, True),
        (4096, 16, 8, True, False),
        (4097, 16, 8, True, True),
    ],
)
def test_the_rule(b: int, heads: int, t: int, causal: bool, wanted: bool) -> None:
    assert core.fused(b, heads, t, causal=causal) is wanted


def test_short_contexts_keep_their_scores_and_long_ones_have_none() -> None:
    short, long = network(core.CAUSAL_LENGTH - 1), network()
    for net in (short, long):
        trained(net)
    assert not verbs_of(step_of(short)) & {"attention", "attention_gradient"}
    assert verbs_of(step_of(long)) >= {"attention", "attention_gradient"}
    assert not verbs_of(step_of(long)) & {"softmax", "softmax_gradient"}
    scores = 2 * 4 * LENGTH * LENGTH  # of one batch
    assert max(b.spec.size for b in step_of(long).buffers) < scores // 10
    with kept():
        other = network()
        trained(other)
    assert 5 * step_of(long).sizes["arena"] < step_of(other).sizes["arena"]


@pytest.mark.parametrize("name", EXECUTORS)
@pytest.mark.parametrize("options", [{}, {"kv_heads": 2, "rotary": True}, {"masked": True}])
def test_training_goes_as_with_all_scores(name: str, options: dict[str, Any]) -> None:
    shape = {key: value for key, value in options.items() if key != "masked"}
    net, other = network(**shape), network(**shape)
    # A software renderer is slow: a quarter of the work, in as many steps as it takes to learn something.
    config = replace(CONFIG, epochs=2, batch_size=1) if name == "webgpu" else CONFIG
    net.use_executor(EXECUTORS[name])
    losses = trained(net, config, **options)
    with kept():
        wanted = trained(other.to("numpy"), config, **options)
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(losses, wanted, rtol=2e-5)
    for path, value in net.parameters().items():
        np.testing.assert_allclose(value, other.parameters()[path], atol=1e-5, err_msg=path)


def test_padding_is_seen_by_none() -> None:
    net, (x, _, mask) = network(causal=False), data()
    with patch.object(core, "MOST_SCORES", 1):
        shown = net.forward(x, mask=mask)
        hidden = net.forward(np.where(mask[..., None], x, 100).astype(np.float32), mask=mask)
    np.testing.assert_array_equal(shown[mask], hidden[mask])


def test_the_future_is_not_seen() -> None:
    net, (x, *_) = network(), data()
    changed = x.copy()
    changed[:, 200:] = 9
    np.testing.assert_array_equal(net.forward(x)[:, :200], net.forward(changed)[:, :200])


def test_observers_see_the_layer() -> None:
    net, observer = network(), RecordingObserver()
    net.add_observer(observer)
    trained(net)
    path = "0.layers.1"
    (forward, backward) = (
        [stats for stats in history if stats.path == path]
        for history in (observer.get_history(), observer.get_backward_history())
    )
    assert len(forward) == len(backward) == 8  # of 4 epochs of two steps
    assert all(stats.nan_count == 0 and stats.output_std for stats in forward)
    assert all(stats.gradient_norm for stats in backward)


def test_its_work_is_counted() -> None:
    net, other = network(), network()
    trained(net)
    with kept():
        trained(other)
    whole, others = step_of(net).flops(), step_of(other).flops()
    scores = 2 * 4 * LENGTH * LENGTH
    assert whole - others == scores * (2 * 2 + 3)  # the scores once more: products of width 2, exponentials
