"""The types of a package by name, for annotations that use names which their module does not import."""

from __future__ import annotations

from types import ModuleType


class PackageTypes(dict[str, object]):
    """Public names, imported on first use, and the types of all modules imported so far."""

    def __init__(self, package: ModuleType) -> None:
        """Look up types of a package."""
        super().__init__()
        self._package = package

    def __missing__(self, name: str) -> object:
        if name in self._package.__all__:
            return getattr(self._package, name)
        from loom_py.introspect.type_closure import DefinedTypes  # rarely needed, slow to import

        return DefinedTypes(self._package)[name]
