"""The tables of callable names made when the wheel was built: building them takes a page too long."""

from __future__ import annotations

import json
from pathlib import Path

from loom_py.session.surface import Table

FILE = Path(__file__).with_name("surface.json")


def table_name(*, in_steps: bool) -> str:
    """Name of an API's table in the file."""
    return "in_steps" if in_steps else "direct"


def load_table(*, in_steps: bool) -> Table | None:
    """The table of one API; None if it is absent, or if the package is source, which may have changed."""
    if __file__.endswith(".py"):
        return None
    try:
        table: Table = json.loads(FILE.read_text(encoding="utf-8"))[table_name(in_steps=in_steps)]
    except (OSError, ValueError, LookupError):
        return None
    return table
