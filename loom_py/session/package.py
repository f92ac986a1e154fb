"""What a session has to be told of this package beyond its own description."""

from __future__ import annotations

from collections.abc import Iterable

import loom_py
from loom_py.layers import Layer, from_config
from loom_py.model import Network
from loom_py.session.jobs import LongRun
from loom_py.session.session import LongCalls, Session
from loom_py.shapes import ArrayLike
from loom_py.train.config import Batch, TrainingConfig
from loom_py.tween import TweenTrainer


def _train(net: Network, batches: Iterable[Batch], config: TrainingConfig | None = None) -> LongRun:
    return net.trainer(batches, config)


def _fit(
    net: Network,
    x: ArrayLike,
    y: ArrayLike,
    config: TrainingConfig | None = None,
    *,
    mask: ArrayLike | None = None,
) -> LongRun:
    return net.fit_trainer(x, y, config, mask=mask)


LONG_CALLS: LongCalls = {
    ("Network", "train"): _train,
    ("Network", "fit"): _fit,
    ("TweenTrainer", "fit"): TweenTrainer.run,
}


def open_session(*, in_steps: bool = True) -> Session:
    """A session that serves this package; networks are made from configs, layers cross as theirs.

    Args:
        in_steps: long calls run in slices, so that others are answered in between. Without, both sides share a
            thread: every call answers when it is done, and functions can be given as arguments.
    """
    return Session(
        loom_py,
        long_calls=LONG_CALLS if in_steps else None,
        constructors={"Network": Network.from_config},
        makers={Layer: from_config},
        functions=not in_steps,
    )
