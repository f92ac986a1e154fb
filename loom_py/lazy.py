"""Names that a package imports when they are first asked for (PEP 562).

Importing everything that this package offers takes a page a quarter of a second before the first thing happens, and
hardly anybody uses everything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

tables: dict[str, Mapping[str, str]] = {}
"""The tables given to `lazily` so far, by package."""


def names_in(homes: Mapping[str, str]) -> list[str]:
    """The names in a table for `lazily`."""
    return [name for names in homes.values() for name in names.split()]


def lazily(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose names stand in other modules.

    A name must not be that of a module in the package: importing the module would put it in the name's place.

    Args:
        package: the package's `__name__`.
        homes: module, as seen from the package → the names that are taken from it, with spaces between.
    """
    tables[package] = homes
    home_of = {name: home for home, names in homes.items() for name in names.split()}
    known = vars(sys.modules[package])

    def get(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        value = getattr(import_module(f"{package}.{home_of[name]}"), name)
        known[name] = value  # the next look-up finds it without coming here
        return value

    def names() -> list[str]:
        return sorted({*known, *home_of})

    return get, names
