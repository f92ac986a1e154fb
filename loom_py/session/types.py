"""The types of a package by name, for annotations that name them without having imported them."""

from __future__ import annotations

from types import ModuleType


class PackageTypes(dict[str, object]):
    """Public names, which are imported when they are asked for, and the types of all modules imported so far."""

    def __init__(self, package: ModuleType) -> None:
        """Know a package's types."""
        super().__init__()
        self._package = package

    def __missing__(self, name: str) -> object:
        if name in self._package.__all__:
            return getattr(self._package, name)
        from loom_py.introspect.type_closure import DefinedTypes  # seldom needed, and slow to import

        return DefinedTypes(self._package)[name]
