"""What can be done about each finding, as plain data that `Network.apply` and `heal` carry out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change of a network or of a run's options."""

    title: str
    """The change in a few words, such as "ReLU instead of sigmoid and tanh"."""
    change: Mapping[str, Any]
    """What changes. Of the network: "activation" of hidden layers by their present one, "last_activation", "init",
    "normalise_input". Of the run: "learning_rate" (a number, or "trial": found by a few steps), "gradient_clip",
    "early_stopping". Every remedy starts from fresh initial weights."""


_FRESH = Remedy("Fresh initial weights", {"init": "auto"})
_RELU = Remedy("ReLU instead of sigmoid and tanh", {"activation": {"sigmoid": "relu", "tanh": "relu"}})
_LEAKY = Remedy("LeakyReLU instead of ReLU", {"activation": {"relu": "leaky_relu"}})
_RATE = Remedy("A learning rate found by a short trial", {"learning_rate": "trial"})
_CLIP = Remedy("Gradients clipped at a norm of 1", {"gradient_clip": 1.0})
_LINEAR = Remedy("No activation in the last layer", {"last_activation": "linear"})
_STOP = Remedy("An end when the validation loss stops falling", {"early_stopping": {"patience": 3}})
_NORMALISE = Remedy("Inputs normalised by a BatchNorm in front", {"normalise_input": True})

REMEDIES: dict[str, tuple[Remedy, ...]] = {
    "nan_origin": (_RATE, _CLIP, _FRESH),
    "exploding": (_RATE, _CLIP, _FRESH),
    "vanishing": (_RELU,),
    "dead_relu": (_LEAKY, _FRESH, _RATE),
    "saturation": (_FRESH, _RELU, _NORMALISE),
    "update_ratio": (_RATE,),
    "poor_initialisation": (_FRESH,),
    "loss_not_decreasing": (_RATE,),
    "overfitting": (_STOP,),
    "unscaled_inputs": (_NORMALISE,),
    "target_range": (_LINEAR,),
    "loss_mismatch": (_LINEAR,),
    "learning_rate": (_RATE,),
    "initial_loss": (_FRESH,),
}
"""Remedies by rule, the most likely first."""


def remedies_for(rule: str, evidence: Mapping[str, Any]) -> tuple[Remedy, ...]:
    """Remedies of a finding; a rate that a trial has found to work is named."""
    found = REMEDIES.get(rule, ())
    works = evidence.get("works") if rule == "learning_rate" else None
    if isinstance(works, float) and works > 0:
        return (Remedy(f"A learning rate of {works:.3g}", {"learning_rate": works}), *found)
    return found
