"""heal: a network and its options after a remedy, ready to be trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from loom_py.diagnose.finding import Finding
from loom_py.diagnose.remedies import Remedy
from loom_py.errors import ConfigError
from loom_py.model import Network
from loom_py.shapes import ArrayLike
from loom_py.train.config import TrainingConfig, read_config
from loom_py.train.find_rate import find_rate

OF_THE_RUN = ("learning_rate", "gradient_clip", "early_stopping")


@dataclass(frozen=True, slots=True)
class Healing:
    """A network after a remedy, and the options of its run that the remedy changes."""

    network: Network
    """A network with fresh initial weights."""
    options: dict[str, Any]
    """Options that change, by their names in `TrainingConfig`; all others stay."""
    remedy: Remedy
    """What was done."""


def heal(
    net: Network,
    remedy: Finding | Remedy,
    x: ArrayLike,
    y: ArrayLike,
    config: TrainingConfig | None = None,
    *,
    mask: ArrayLike | None = None,
    **options: Any,
) -> Healing:
    """Carry out a remedy: a new network and new options; the given ones do not change and nothing is trained.

    Train the result with `healing.network.fit(x, y, **options | healing.options)`. It starts where the given network
    started: its seed, and fresh initial weights.

    Args:
        net: the sick network.
        remedy: one of a finding's `remedies`, or a finding, of which it is the first.
        x: inputs, as for `fit`; a learning rate is tried on some of them.
        y: targets, as for `fit`.
        config: options of the sick run; None uses the defaults. A dict of them is taken too.
        mask: 1 for data, 0 for padding, as for `fit`.
        options: single options by their names in `TrainingConfig`, in place of `config`.

    Raises:
        ConfigError: there is no remedy, or it does not fit the network.
        ShapeError, DataError: the data does not fit.
    """
    chosen = read_remedy(remedy)
    given = read_config(config, options)
    healed = net.apply(chosen)
    new: dict[str, Any] = {name: chosen.change[name] for name in OF_THE_RUN if name in chosen.change}
    if new.get("learning_rate") == "trial":
        new["learning_rate"] = find_rate(healed, x, y, given, mask)
    replace(given, **new)  # raises for a value that the option can't have
    return Healing(healed, new, chosen)


def read_remedy(remedy: object) -> Remedy:
    """A remedy from itself or a finding; raises ConfigError if there is none."""
    if isinstance(remedy, Remedy):
        return remedy
    if isinstance(remedy, Finding):
        if not remedy.remedies:
            raise ConfigError.expected(
                "remedy", expected="a finding with one", got=f"{remedy.rule}, which has none",
                do=f"see its suggestions: {'; '.join(remedy.suggestions)}",
            )  # fmt: skip
        return remedy.remedies[0]
    raise ConfigError.expected("remedy", expected="one of a finding's remedies, or a finding", got=repr(remedy))
