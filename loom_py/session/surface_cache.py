"""The tables of what may be called that were made when the package was built: making them takes a page too long."""

from __future__ import annotations

import json
from pathlib import Path

from loom_py.session.surface import Table

FILE = Path(__file__).with_name("surface.json")


def table_name(*, in_steps: bool) -> str:
    """The name of a table in the file."""
    return "in_steps" if in_steps else "direct"


def load_table(*, in_steps: bool) -> Table | None:
    """The table of one face; None where it is absent, and where source stands beside it, which may have changed."""
    if __file__.endswith(".py"):
        return None
    try:
        table: Table = json.loads(FILE.read_text(encoding="utf-8"))[table_name(in_steps=in_steps)]
    except (OSError, ValueError, LookupError):
        return None
    return table
