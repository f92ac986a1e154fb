"""The walk through layers, forward and backward: passes each layer its parameters, collects gradients, calls a watcher.

The same walk serves eager arrays (gradient checks) and recorded Tensors (Programs).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

from loom_py.errors import LoomError, ShapeError
from loom_py.ops import Value

if TYPE_CHECKING:
    from loom_py.layers.layer import Layer


class Params:
    """A layer's arrays by name: `p.weight`; `p.get("bias")` is None for a layer without one."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        return self._values[name]

    def get(self, name: str) -> Any:
        """The array, or None."""
        return self._values.get(name)


class Watcher(Protocol):
    """Observer of a walk: of its place and the values that pass."""

    def span(self, path: str, phase: str) -> AbstractContextManager[None]:
        """Context around all of a layer's work in one phase."""
        ...

    def forward(self, path: str, layer: Layer, x: Any, y: Any) -> None:
        """Called after a layer's forward."""
        ...

    def backward(self, path: str, layer: Layer, dy: Any, dx: Any, gradients: Mapping[str, Any]) -> None:
        """Called after a layer's backward."""
        ...


class Unwatched:
    """A watcher that does nothing."""

    def span(self, path: str, phase: str) -> AbstractContextManager[None]:
        return nullcontext()

    def forward(self, path: str, layer: Layer, x: Any, y: Any) -> None:
        """Nothing to do."""

    def backward(self, path: str, layer: Layer, dy: Any, dx: Any, gradients: Mapping[str, Any]) -> None:
        """Nothing to do."""


@dataclass(slots=True)
class Run:
    """State of one walk.

    Attributes:
        parameters: every array of the network by full name ("0.weight").
        training: whether dropout drops and batch statistics are used.
        draw: number of the random draw (an integer scalar value), for layers that use randomness.
        seed: the network's seed.
        path: path of the current layer.
        gradients: filled by `backward`, by full name.
        mask: (B, N), 1 for values and 0 for padding; None without padding.
    """

    parameters: Mapping[str, Value]
    training: bool
    draw: Any
    seed: int = 0
    watcher: Watcher = field(default_factory=Unwatched)
    path: str = ""
    gradients: dict[str, Any] = field(default_factory=dict)
    mask: Any = None

    @property
    def stream(self) -> int:
        """Number of the current layer's own random stream."""
        return crc32(self.path.encode())

    def forward(self, name: str, layer: Layer, x: Any) -> tuple[Any, Any]:
        """Run the layer named `name` within the current one; returns its output and cache."""
        here = self._at(name)
        try:
            layer.check_input(tuple(x.shape[1:]))
        except ShapeError as error:
            raise ShapeError(f"layer {here.path}: {error}") from None
        with self.watcher.span(here.path, "forward"):
            y, cache = layer.forward(here._params(layer), x, here)
        self.watcher.forward(here.path, layer, x, y)
        return y, cache

    def backward(self, name: str, layer: Layer, cache: Any, dy: Any) -> Any:
        """Run the layer backward; stores the gradients of its parameters, returns that of its input."""
        here = self._at(name)
        with self.watcher.span(here.path, "backward"):
            dx, gradients = layer.backward(here._params(layer), cache, dy, here)
        wanted = {p.name for p in layer.parameters() if p.trained}
        if set(gradients) != wanted:
            raise LoomError.expected(
                f"{type(layer).__name__}.backward", expected=f"gradients of {sorted(wanted)}", got=sorted(gradients)
            )
        self.gradients.update({f"{here.path}.{k}": g for k, g in gradients.items()})
        self.watcher.backward(here.path, layer, dy, dx, gradients)
        return dx

    def _at(self, name: str) -> Run:
        path = f"{self.path}.{name}" if self.path else name
        return replace(self, path=path)

    def _params(self, layer: Layer) -> Params:
        full = {p.name: f"{self.path}.{p.name}" for p in layer.parameters()}
        return Params({name: self.parameters[key] for name, key in full.items()})
