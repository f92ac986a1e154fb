"""Session: calls by name, objects by number, data by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from loom_py.errors import StateError
from loom_py.introspect import snake
from loom_py.introspect.markers import starter_of
from loom_py.session.coerce import Binder, Coercion, Maker
from loom_py.session.handles import Handles
from loom_py.session.jobs import LongRun
from loom_py.session.surface import LIBRARY, Entry, Surface, Table
from loom_py.session.types import PackageTypes
from loom_py.session.values import decode, encode


class Session:
    """Serves a package by name: plain data in, plain data out, objects by handle.

    Only names that `describe()` lists can be called. A refused call changes nothing.

    Example:
        session = open_session()
        network = session.call(0, "network", [{"input_shape": [4], "layers": [{"type": "Softmax"}]}])
        session.call(network["$handle"], "forward", [[1.0, 2.0, 3.0, 4.0]])
    """

    def __init__(
        self,
        package: ModuleType,
        table: Table,
        *,
        constructors: Mapping[str, Callable[..., object]] | None = None,
        makers: Mapping[type, Maker] | None = None,
    ) -> None:
        """Open a session with no objects.

        Args:
            package: the package to serve, by its `__all__`.
            table: the callable names, from `build_table`.
            constructors: functions that make an object of a class in place of its own constructor.
            makers: functions that make an argument of a class from a dict.
        """
        self._package = package
        self._constructors = {snake(cls): constructor for cls, constructor in (constructors or {}).items()}
        self._names = {snake(name): name for name in package.__all__}
        self._binder = Binder(Coercion(PackageTypes(package), makers))
        self.surface = Surface(table)
        self.handles = Handles(self.surface.owner_of)

    def call(self, target: int, method: str, args: Sequence[Any] = (), options: Mapping[str, Any] | None = None) -> Any:
        """Call a public name and return its result as plain data.

        Args:
            target: number of a handle, or 0 for the library.
            method: public name in any of the three spellings.
            args: positional arguments.
            options: named arguments.

        Raises:
            NotPublicError: `describe()` does not list the name.
            StateError: the handle was disposed.
            LoomError: any error of the method.
        """
        owner, value, entry = self._find(target, method)
        if entry["kind"] == "property":
            return encode(getattr(value, entry["method"]), self.handles)
        function = self._callable(entry["method"]) if value is None else getattr(value, entry["method"])
        name = entry["method"] if value is None else f"{owner}.{entry['method']}"
        return encode(self.invoke(name, function, args, options), self.handles)

    def is_long(self, target: int, method: str) -> bool:
        """Whether the method is long-running: `start` runs it in slices."""
        return bool(self._find(target, method)[2]["kind"] == "long")

    def start(self, target: int, method: str, args: Sequence[Any], options: Mapping[str, Any]) -> LongRun:
        """Start a long call as a run in steps, whose result is not encoded yet."""
        owner, value, entry = self._find(target, method)
        if entry["kind"] != "long":
            raise StateError.expected(
                f"{owner}.{entry['method']}", expected="a method that runs in steps", got="another"
            )
        starter = getattr(type(value), starter_of(type(value), entry["method"]))
        run: LongRun = self.invoke(f"{owner}.{entry['method']}", starter, [value, *args], options)
        return run

    def invoke(self, name: str, function: Callable[..., Any], args: Sequence[Any], options: Any) -> Any:
        """Call a function with plain data, checked and converted as it declares; `name` is its name in errors."""
        given = {key: decode(value, self.handles) for key, value in (options or {}).items()}
        bound = self._binder.bind(name, function, [decode(value, self.handles) for value in args], given)
        return function(*bound.args, **bound.kwargs)

    def encode(self, value: object) -> Any:
        """A result as plain data."""
        return encode(value, self.handles)

    def owner_of(self, target: int) -> str:
        """Name of the public class of a handle's object."""
        return self.surface.owner_of(self.handles.get(target))

    def object(self, target: int) -> Any:
        """The object of a handle."""
        return self.handles.get(target)

    def dispose(self, target: int) -> None:
        """Dispose an object, if it still exists; its number is never reused."""
        self.handles.dispose(target)

    @property
    def alive(self) -> int:
        """Number of objects held by handle."""
        return self.handles.alive

    def _callable(self, name: str) -> Callable[..., Any]:
        """The function or class behind a name of the library; imports it on first use."""
        found: Callable[..., Any] = self._constructors.get(name) or getattr(self._package, self._names[name])
        return found

    def _find(self, target: int, method: str) -> tuple[str, Any, Entry]:
        if target == 0:
            return LIBRARY, None, self.surface.find(LIBRARY, method)
        value = self.handles.get(target)
        owner = self.surface.owner_of(value)
        return owner, value, self.surface.find(owner, method)
