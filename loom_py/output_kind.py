"""The kinds of a network's outputs, which layers declare and losses go by."""

from typing import Literal

OutputKind = Literal["values", "probabilities", "independent", "dropped"]
"""Meaning of outputs; a loss picks its head by it.

"probabilities" are a distribution over the last axis (classes), "independent" ones those of yes/no answers. "dropped"
ones are probabilities of which dropout makes some 0 in training and scales the others. All else are "values".
"""
