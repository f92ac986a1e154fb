"""Registry of layers by name; those of this package are imported on first use."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loom_py.layers.layer import Layer

PACKAGE = __name__.rpartition(".")[0]


class Registry(MutableMapping[str, "type[Layer]"]):
    """Layer classes by name; iterating over all of them imports all of them."""

    def __init__(self) -> None:
        """Create an empty registry."""
        self._known: dict[str, type[Layer]] = {}

    def __getitem__(self, name: str) -> type[Layer]:
        if not isinstance(name, str):  # of a config, which may have anything
            raise KeyError(name)
        if name not in self._known:
            self._import(name)
        return self._known[name]

    def __setitem__(self, name: str, layer: type[Layer]) -> None:
        # A layer of this package may be imported late; it must not replace a user's layer of the same name.
        if name not in self._known or not layer.__module__.startswith(f"{PACKAGE}."):
            self._known[name] = layer

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        self._import_all()
        return iter(self._known)

    def __len__(self) -> int:
        self._import_all()
        return len(self._known)

    def _import(self, name: str) -> None:
        # The package's own names import their module; any other layer may be in any module.
        if not hasattr(import_module(PACKAGE), str(name)):
            self._import_all()

    @staticmethod
    def _import_all() -> None:
        for module in iter_modules(import_module(PACKAGE).__path__, f"{PACKAGE}."):
            import_module(module.name)
