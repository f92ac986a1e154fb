"""Rows of a recording file that hold steps of neural tweening: see `rows`."""

from __future__ import annotations

from typing import Any

from loom_py.errors import FileFormatError
from loom_py.observers.checks import checked_count, checked_list, checked_text, exactly
from loom_py.observers.plain import decode_float, encode_float
from loom_py.telemetry.events import TweenStep, TweenView

TWEEN = 4
"""What such a row begins with."""
_TWEEN_COUNTS = ("step", "epoch", "batch", "time_ns")
_TWEEN_FLOATS = ("loss", "accuracy", "rate_factor")
_TWEEN_FLAGS = ("exploding", "updated")
TWEEN_COLUMNS = (*_TWEEN_COUNTS, *_TWEEN_FLOATS, *_TWEEN_FLAGS, "views")
VIEW_COLUMNS = ("path", "link_budget", "gap", "depth_barrier", "bad_values")

Row = list[Any]


def tween_row(step: TweenStep, origin_ns: int) -> Row:
    """The row of a step of neural tweening."""
    times = [step.step, step.epoch, step.batch, step.time_ns - origin_ns]
    views = [[v.path, *(encode_float(getattr(v, n)) for n in VIEW_COLUMNS[1:4]), v.bad_values] for v in step.views]
    floats = [encode_float(getattr(step, name)) for name in _TWEEN_FLOATS]
    return [TWEEN, *times, *floats, *(getattr(step, name) for name in _TWEEN_FLAGS), views]


def read_tween(row: Row, origin_ns: int) -> TweenStep:
    """The step of neural tweening from its row; raises FileFormatError."""
    fields = dict(zip(TWEEN_COLUMNS, exactly(row[1:], len(TWEEN_COLUMNS), "tween row"), strict=True))
    for name in _TWEEN_COUNTS:
        checked_count(fields[name], name)
    for name in _TWEEN_FLOATS:
        absent = name == "accuracy" and fields[name] is None
        fields[name] = None if absent else decode_float(fields[name])
    for name in _TWEEN_FLAGS:
        if not isinstance(fields[name], bool):
            raise FileFormatError.expected(name, expected="true or false", got=repr(fields[name])[:40])
    fields["views"] = tuple(_read_view(view) for view in checked_list(fields["views"], "views"))
    fields["time_ns"] += origin_ns
    return TweenStep(**fields)


def _read_view(row: object) -> TweenView:
    path, *floats, bad = exactly(checked_list(row, "view"), len(VIEW_COLUMNS), "view")
    numbers = dict(zip(VIEW_COLUMNS[1:4], map(decode_float, floats), strict=True))
    return TweenView(path=checked_text(path, "path"), bad_values=checked_count(bad, "bad_values"), **numbers)
