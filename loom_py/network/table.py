"""A table in HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_NUMBER = ' style="text-align:right;font-variant-numeric:tabular-nums"'
_TEXT = ' style="text-align:left"'
INDENT = "\u2003"
"""An em space, which HTML does not swallow."""

Row = Sequence[str | int]


def html_table(caption: str, heads: Iterable[str], rows: Sequence[Row], total: Row) -> str:
    """The table; numbers stand at the right with separators of thousands."""
    head = "".join(
        f'<th scope="col"{_NUMBER if isinstance(cell, int) else _TEXT}>{escape(name)}</th>'
        for name, cell in zip(heads, total, strict=True)
    )
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return (
        f'<table><caption style="text-align:left">{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody><tfoot><tr>{_cells(total)}</tr></tfoot></table>"
    )


def _cells(row: Row) -> str:
    return "".join(
        f"<td{_NUMBER}>{cell:,}</td>" if isinstance(cell, int) else f"<td{_TEXT}>{escape(cell)}</td>" for cell in row
    )
