"""Sessions of this package: its constructors and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import loom_py
from loom_py.layers import Layer, from_config
from loom_py.model import Network
from loom_py.session.session import Session
from loom_py.session.surface import Table
from loom_py.session.surface_cache import load_table, table_name

CONSTRUCTORS = {"Network": Network.from_config}


def table_of(description: Mapping[str, Any], *, in_steps: bool) -> Table:
    """The callable names of this package, built from its description."""
    # Imported late: a page loads the stored table.
    from loom_py.session.build_surface import build_table

    return build_table(description, CONSTRUCTORS, in_steps=in_steps)


def all_tables(description: Mapping[str, Any]) -> dict[str, Table]:
    """The tables of both APIs, as a wheel stores them."""
    return {table_name(in_steps=in_steps): table_of(description, in_steps=in_steps) for in_steps in (True, False)}


def open_session(*, in_steps: bool = True) -> Session:
    """A session that serves this package; networks are made from configs, layers cross as configs.

    Args:
        in_steps: whether long calls run in slices, with other calls answered in between. Otherwise both sides share
            a thread: every call returns when it is done, and functions can be given as arguments.
    """
    table = load_table(in_steps=in_steps)
    if table is None:
        from loom_py.introspect.description import describe

        table = table_of(describe(), in_steps=in_steps)
    return Session(
        loom_py,
        table,
        constructors=CONSTRUCTORS,
        makers={Layer: from_config},
    )
