"""check: faults of a training run before its first step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from loom_py.diagnose.before.examine import examine, in_order
from loom_py.diagnose.finding import Finding
from loom_py.errors import ConfigError
from loom_py.network.core import NetworkCore
from loom_py.shapes import ArrayLike
from loom_py.train.config import TrainingConfig, read_config
from loom_py.train.data import check_samples
from loom_py.train.facts import run_data
from loom_py.train.rehearsal import rehearse


def check(
    net: NetworkCore,
    x: ArrayLike,
    y: ArrayLike,
    config: TrainingConfig | None = None,
    *,
    mask: ArrayLike | None = None,
    range_test: bool = True,
    **options: Any,
) -> list[Finding]:
    """Find faults of a training run before its first step; the network does not change.

    Data, targets and options are examined, then the network's first outputs and, unless `range_test` is off, its
    learning rate: a dozen steps on one batch at this rate, and at others where it fails. All steps are made on a copy
    and take half a second at most.

    Args:
        net: the network to train.
        x: inputs, as for `fit`.
        y: targets, as for `fit`.
        config: options of the run, its validation data included; None uses the defaults. A dict of them is taken too.
        mask: 1 for data, 0 for padding, as for `fit`.
        range_test: whether to try the learning rate.
        options: single options by their names in `TrainingConfig`, in place of `config`.

    Returns:
        Findings, causes before their consequences, else the gravest first; empty where nothing is suspicious.

    Raises:
        ShapeError, DataError: the data does not fit, as for `fit`. ConfigError: it is no network, or an
            option is unknown.
    """
    if not isinstance(net, NetworkCore):
        raise ConfigError.expected("check", expected="a network, then x and y", got=type(net).__name__)
    config = read_config(config, options)
    loss = config.options().loss
    training = check_samples(net, loss, x, y, mask)
    held_out = config.held_out()
    validation = None
    if held_out is not None:
        validation = check_samples(net, loss, held_out.input, held_out.target, held_out.mask)
    with net.lock:
        run = run_data(net.engine, config, training, validation)
        findings = examine(run) + rehearse(net, config, training, range_test=range_test)
    return in_order(replace(finding, step=None) for finding in findings)
