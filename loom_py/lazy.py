"""Lazy import of a package's names on first access (PEP 562).

Importing the whole package costs a page a quarter of a second at start, and few pages use all of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

tables: dict[str, Mapping[str, str]] = {}
"""The tables passed to `lazily`, by package."""


def names_in(homes: Mapping[str, str]) -> list[str]:
    """The names in a table for `lazily`."""
    return [name for names in homes.values() for name in names.split()]


def lazily(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package whose names are defined in other modules.

    No name may be the name of a module in the package: importing that module would overwrite it.

    Args:
        package: the package's `__name__`.
        homes: module relative to the package → names defined there, separated by spaces.
    """
    tables[package] = homes
    home_of = {name: home for home, names in homes.items() for name in names.split()}
    known = vars(sys.modules[package])

    def get(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        value = getattr(import_module(f"{package}.{home_of[name]}"), name)
        known[name] = value  # Python finds it there from now on.
        return value

    def names() -> list[str]:
        return sorted({*known, *home_of})

    return get, names
