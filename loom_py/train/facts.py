"""Facts about a network and a run's data, for the checks before its first step."""

from __future__ import annotations

import numpy as np

from loom_py.diagnose.before.run_data import RunData, Samples, Structure
from loom_py.engine.engine import Engine
from loom_py.engine.inputs import Feed
from loom_py.losses import Loss
from loom_py.shapes import size_of
from loom_py.train.config import TrainingConfig
from loom_py.train.range_test import Rates


def run_data(engine: Engine, config: TrainingConfig, training: Feed, validation: Feed | None) -> RunData:
    """Data and options of a run, for the checks that run nothing."""
    options = config.options()
    return RunData(
        network=_structure(engine, training, options.loss),
        training=_samples(training),
        held_out=None if validation is None else _samples(validation),
        loss=options.loss,
        batch_size=config.batch_size,
        part_size=options.micro_batch,
        highest_rate=Rates.of(config, training.samples).highest,
    )


def _samples(feed: Feed) -> Samples:
    assert feed.target is not None
    return Samples(feed.x, np.asarray(feed.target))


def _structure(engine: Engine, feed: Feed, loss: Loss) -> Structure:
    """Facts about the network's layers."""
    shapes, _ = engine.compiler.survey((1, *feed.x.shape[1:]))
    given = engine.compiler.gives(feed.x.shape)
    first = next((layer for layer in engine.layers.values() if layer.parameters()), None)
    statistics = {
        path: size_of(shapes[path][0]) // shapes[path][0][engine.compiler.unit_axes[path] - 1]
        for path, layer in engine.layers.items()
        if layer.batch_statistics
    }
    fewest = min(statistics, key=lambda path: statistics[path], default=None)
    return Structure(
        output_shape=engine.output_shape(feed.x.shape[1:]),
        bounds=(given.low, given.high),
        logits=loss.takes_logits(given.kind),
        distribution=given.kind == "probabilities",
        takes_ids=engine.compiler.ids is not None,
        normalised=first is not None and first.normalises,
        batch_norm=fewest,
        batch_norm_values=0 if fewest is None else statistics[fewest],
    )
