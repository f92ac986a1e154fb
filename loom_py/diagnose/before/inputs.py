"""Inputs that are constant, repeated, or of an unsuitable scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from loom_py.diagnose.before.made import found, named
from loom_py.diagnose.before.rows import Rows
from loom_py.diagnose.before.run_data import RunData
from loom_py.diagnose.finding import Finding
from loom_py.shapes import AnyArray

LARGE = 30.0
SMALL = 0.01
APART = 100.0
MANY = 16
_COMPARED = 2048
_BLOCK = 4096


def check_inputs(run: RunData) -> Iterator[Finding]:
    """Features without information, features that are copies, and their scales; ids have none of these."""
    if run.network.takes_ids or len(run.training) < 2:
        return
    values = run.training.features
    constant = _constant(run.training.x, values)
    if len(constant) == values.shape[1]:
        text = "All inputs are the same: nothing can be learnt from them."
        yield found("constant_inputs", "error", text, ("a check of how the inputs are read",), features=len(constant))
        return
    if len(constant):
        yield _constant_features(constant, values.shape[1])
    varying = np.setdiff1d(np.arange(values.shape[1]), constant)
    if run.training.x.ndim == 2 and (pairs := _copies(run.training.x, varying)):
        yield _copied_features(pairs)
    if not run.network.normalised:
        yield from _scales(values, varying)


def _constant(x: AnyArray, values: AnyArray) -> AnyArray:
    """Features that have one value only; those of a part of the samples are looked up in all."""
    same = np.flatnonzero((values == values[0]).all(axis=0))
    if values.size == x.size:
        return same
    whole = x if x.ndim < 4 else np.moveaxis(x, 1, -1)
    for start in range(0, len(whole), _BLOCK):
        if not len(same):
            break
        part = np.take(whole[start : start + _BLOCK], same, axis=-1).reshape(-1, len(same))
        same = same[(part == values[0, same]).all(axis=0)]
    return same


def _constant_features(constant: AnyArray, features: int) -> Finding:
    mostly = 2 * len(constant) > features
    text = f"{len(constant)} of {features} input features have the same value in every sample: they tell nothing."
    return found(
        "constant_inputs", "warning" if mostly and features > MANY else "info", text,
        ("leaving them out", "a check of how the inputs are read, if they should vary"),
        constant=len(constant), features=features, which=named(constant),
    )  # fmt: skip


def _copies(x: AnyArray, varying: AnyArray) -> list[tuple[int, int]]:
    """Pairs of equal features, each with the first of its kind."""
    some = Rows(np.ascontiguousarray(x[:_COMPARED, varying].T))
    first: dict[int, int] = {}
    pairs = []
    for feature, group in zip(varying.tolist(), some.groups.of.tolist(), strict=True):
        original = first.setdefault(group, feature)
        if original != feature and np.array_equal(x[:, original], x[:, feature]):
            pairs.append((original, feature))
    return pairs


def _copied_features(pairs: list[tuple[int, int]]) -> Finding:
    text = f"{len(pairs)} input features are equal to another one in every sample, such as {pairs[0][1]} to "
    text += f"{pairs[0][0]}: they add no information, and their weights share one gradient."
    which = ", ".join(f"{copy} = {original}" for original, copy in pairs[:MANY])
    return found("duplicate_inputs", "info", text, ("leaving the copies out",), copies=len(pairs), which=which)


def _scales(values: AnyArray, varying: AnyArray) -> Iterator[Finding]:
    """RMS of each feature's values other than 0, so that rare yes/no features count by their size."""
    shown = values[:, varying]
    counts = np.count_nonzero(shown, axis=0)
    sizes = np.sqrt(np.einsum("ij,ij->j", shown, shown, dtype=np.float64) / np.maximum(counts, 1))
    low, high = int(sizes.argmin()), int(sizes.argmax())
    smallest, largest = float(sizes[low]), float(sizes[high])
    evidence = {
        "largest": largest, "largest_feature": int(varying[high]),
        "smallest": smallest, "smallest_feature": int(varying[low]),
    }  # fmt: skip
    if smallest > 0 and largest / smallest > APART:
        factor = largest / smallest
        text = f"Input feature {varying[high]} is {factor:.3g} times as large as feature {varying[low]}"
        text += f" (RMS {largest:.3g} and {smallest:.3g}): no learning rate suits the weights of both."
        advice = ("each feature with mean 0 and standard deviation 1",)
        yield found("unscaled_inputs", "warning", text, advice, factor=factor, threshold=APART, **evidence)
    elif largest > LARGE or largest < SMALL:
        text = f"The inputs have an RMS of up to {largest:.3g}; initial weights and usual rates suit about 1."
        remedies = (f"inputs divided by {largest:.2g}", "each feature with mean 0 and standard deviation 1")
        bound = LARGE if largest > LARGE else SMALL
        yield found("unscaled_inputs", "warning", text, remedies, factor=largest, threshold=bound, **evidence)
