"""Geometry of sliding windows over one or two axes, as the kernels of every executor read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loom_py.shapes import Shape


def window_words(
    attrs: Mapping[str, Any], images: Shape, size: Shape, counts: Shape, *, dilated: bool = True
) -> list[int] | None:
    """Extents (B, C, H, W), window size, counts, stride, padding and dilation; one spatial axis becomes H = 1.

    Args:
        attrs: of the verb: stride, padding and, where it has one, dilation.
        images: shape (B, C, …) of the array that has the windows.
        size: of a window.
        counts: windows along each axis.
        dilated: whether the kernel reads a dilation.

    Returns:
        The words; None for more than two spatial axes.
    """
    n, c, *extents = images
    if len(extents) > 2:
        return None
    words = [n, c]
    spatial = [(tuple(extents), 1), (size, 1), (counts, 1), (attrs["stride"], 1), (attrs["padding"], 0)]
    if dilated:
        spatial.append((attrs.get("dilation", (1,) * len(extents)), 1))
    for numbers, missing in spatial:
        words += (missing, *numbers) if len(numbers) == 1 else numbers
    return words
