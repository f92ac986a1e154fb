"""Base of layers: frozen descriptions. A layer's arrays live in the network; its mathematics is written in verbs.

A layer's file has one reading order: formula and source, fields, `parameters`, `forward`, `backward`, then conversion
(PyTorch, ONNX) and tweening. The rest is derived: config and TypeScript type (fields), blueprint and file names
(parameters), output shape (recording of `forward`), every executor (verbs), gradient check and golden tests (registry).
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

from loom_py.config.fields import check_fields, plain_numbers
from loom_py.errors import ConfigError, ShapeError
from loom_py.initializers import InitializerName
from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.registry import Registry
from loom_py.layers.run import Params, Run
from loom_py.ops import FUNCTIONS, Value
from loom_py.shapes import AnyArray, Shape, shape_text

Gradients = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An array of a layer: trained, or (`trained=False`) a buffer such as a running mean.

    A buffer with `state` carries a run's last state into the next run; `reset_states` zeroes it. A
    `non_negative` array, such as a running variance, is never set to values below 0.
    """

    name: str
    shape: Shape
    init: InitializerName = "zeros"
    fan_in: int = 1
    fan_out: int = 1
    trained: bool = True
    state: bool = False
    non_negative: bool = False

    @property
    def is_bias(self) -> bool:
        """Whether it counts towards the bias norm instead of the weight norm."""
        return self.name.endswith("bias")


class Layer:
    """Base of all layers.

    A layer overrides these by a class attribute of the same name, or by a property where they depend on its fields:
        passes: whether the output is the input's values, in any shape.
        unit_axis: axis of the output (batch included) along which units lie; "dead units" are counted there.
            None: where they lie in what comes in.
        ids: how many integer ids the input chooses from; None where the input is values.
        bounds: limits of the outputs, whatever the input.
        normalises: whether the scale of the input has no effect on the output.
        batch_statistics: whether training normalises by the statistics of the batch.
        mixes_entries: whether an output depends on several entries of the input's first axis, those that a mask hides.
        torch_unused: arrays of the PyTorch counterpart that its outputs don't depend on.
    """

    torch_unused: ClassVar[tuple[str, ...]] = ()
    normalises: ClassVar[bool] = False
    batch_statistics: ClassVar[bool] = False
    mixes_entries: ClassVar[bool] = False

    @property
    def passes(self) -> bool:
        """Whether the output is the input's values, in any shape."""
        return False

    @property
    def unit_axis(self) -> int | None:
        """Axis of the units; None: as in the input."""
        return -1

    @property
    def ids(self) -> int | None:
        """Number of integer ids that the input may hold; None where it holds values."""
        return None

    @property
    def bounds(self) -> tuple[float, float]:
        """Limits of the outputs, whatever the input."""
        return FUNCTIONS[self.activation_name or "linear"].bounds

    @property
    def fan_in(self) -> int | None:
        """Inputs that each unit's weights sum over; None where the layer has no such weights."""
        sums = [p.fan_in for p in self.parameters() if p.name == "weight" and p.fan_in > 1]
        return sums[0] if sums else None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, field.name, plain_numbers(getattr(self, field.name)))
        check_fields(self)
        self.check()

    def check(self) -> None:
        """Check conditions between fields, such as one dividing another; raise ConfigError."""

    def check_input(self, shape: Shape) -> None:
        """Check a sample's shape (no batch axis); raise ShapeError."""

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        """Kind and limits of the outputs, from those of the input; limits of 0 and 1 are those of probabilities."""
        if self.passes:
            return incoming
        return Given("independent" if self.bounds == (0, 1) else "values", *self.bounds)

    def uses_mask(self, shape: Shape) -> bool:
        """Whether the layer leaves out what the run's mask hides, of a sample of this shape (no batch axis)."""
        return False

    def mixes(self, shape: Shape) -> bool:
        """Whether an output depends on several entries of the first axis of a sample of this shape, or is none's."""
        return self.mixes_entries

    def units_after(self, before: int, ndim: int) -> int:
        """Axis of the output's units, from the axis of the input's units and the number of the input's axes."""
        return before if self.unit_axis is None else self.unit_axis

    def parameters(self) -> tuple[Parameter, ...]:
        """The layer's own arrays, without those of its children."""
        return ()

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Inner layers with their names: fields that hold a layer or a tuple of layers."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Layer):
                yield field.name, value
            elif isinstance(value, tuple):
                yield from ((f"{field.name}.{i}", v) for i, v in enumerate(value) if isinstance(v, Layer))

    def changed(self, change: Callable[[Layer], Layer]) -> Layer:
        """The layer with a change made to each layer inside it, and to itself."""
        inner = {
            field.name: change(value) if isinstance(value, Layer) else tuple(map(change, value))
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if isinstance(value := getattr(self, field.name), Layer)
            or (isinstance(value, tuple) and value and all(isinstance(item, Layer) for item in value))
        }
        return dataclasses.replace(self, **inner) if inner else self  # type: ignore[type-var]

    def with_activation(self, present: Mapping[str, str]) -> Layer:
        """The layer with another activation in place of each one that is named, inside it too."""
        made = self.changed(lambda layer: layer.with_activation(present))
        field = "activation" if hasattr(made, "activation") else "function"
        wanted = present.get(getattr(made, field, ""))
        return made if wanted is None else dataclasses.replace(made, **{field: wanted})  # type: ignore[type-var]

    def with_init(self, init: InitializerName) -> Layer:
        """The layer with another initialisation of its weights, inside it too."""
        made = self.changed(lambda layer: layer.with_init(init))
        return dataclasses.replace(made, init=init) if hasattr(made, "init") else made  # type: ignore[type-var]

    def expect_last(self, shape: Shape, extent: int, name: str) -> None:
        """Raise ShapeError unless the last axis of a sample has this extent."""
        if not shape or shape[-1] != extent:
            raise ShapeError.expected(
                f"{type(self).__name__} input",
                expected=f"a last axis of {extent} ({name})",
                got=shape_text(shape),
                do=f"give {name}={shape[-1] if shape else 1}, or change the layer before",
            )

    @property
    def activation_name(self) -> str | None:
        """The activation function among the fields, None where there is none."""
        return getattr(self, "activation", None) or getattr(self, "function", None)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, Any]:
        """Output and cache, from parameters and input."""
        raise NotImplementedError

    def backward(self, p: Params, cache: Any, dy: Any, run: Run) -> tuple[Any, Gradients]:
        """Gradients of the input (None for integer input) and of each parameter, by name."""
        raise NotImplementedError

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        """Add the layer's nodes to a graph; returns the name of the output. Optional: without it, no export."""
        raise NotImplementedError

    def torch_state(self) -> dict[str, Shape]:
        """Names and shapes of the arrays of the layer's counterpart in PyTorch, without the module's name."""
        return {p.name: p.shape for p in self.parameters() if not p.state}

    def from_torch(self, state: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        """The layer's own arrays by name, from those of PyTorch as named by `torch_state`."""
        return dict(state)

    def to_config(self) -> dict[str, Any]:
        """The layer as plain data: "type" and the constructor's parameters."""
        config: dict[str, Any] = {"type": type(self).__name__}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            config[field.name] = _plain(getattr(self, field.name))
        return config

    @property
    def tween_rate(self) -> float:
        """Rate of tweening for the layer's own parameters; its children have their own."""
        return 0.1

    @property
    def tween_gain(self) -> float:
        """Factor on the values that tweening passes back through the layer."""
        return 1.0

    def tween_target(self, p: Params, target: Any, x: Any) -> Any:
        """Target-mode tweening: an input like `x` that would produce this target; None where the layer has none."""
        return target if tuple(target.shape) == tuple(x.shape) else None

    @property
    def reach(self) -> tuple[float, float]:
        """Lowest and highest output that tweening may aim at."""
        return FUNCTIONS[self.activation_name or "linear"].reach


def _plain(value: Any) -> Any:
    if isinstance(value, Layer):
        return value.to_config()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


REGISTRY = Registry()
"""Every layer class by name."""


def _say_what_fits(cls: type[Layer]) -> None:
    """Let arguments that a layer does not have be refused by an error that names those it has."""
    plain = cls.__init__
    signature = inspect.signature(cls)

    @functools.wraps(plain)
    def __init__(self: Layer, *args: Any, **options: Any) -> None:
        try:
            signature.bind(*args, **options)
        except TypeError as error:
            takes = ", ".join(name for name in signature.parameters if name != "_")
            raise ConfigError.expected(cls.__name__, expected=f"arguments {takes}", got=error) from None
        plain(self, *args, **options)

    cls.__init__ = __init__  # type: ignore[method-assign, assignment]


L = TypeVar("L", bound=type[Layer])


@dataclass_transform(frozen_default=True)
def layer(cls: L) -> L:
    """Declare a layer: make it a frozen dataclass and register its name for configs, types, tests and docs."""
    made = cast("L", dataclass(frozen=True)(cls))
    _say_what_fits(made)
    REGISTRY[cls.__name__] = made
    return made


def from_config(config: Any) -> Layer:
    """Build a layer from plain data.

    Raises:
        ConfigError: not a dict, unknown type or key, a value out of range.
    """
    if not isinstance(config, Mapping):
        raise ConfigError.expected("layer config", expected='a dict with a "type"', got=type(config).__name__)
    kind = config.get("type")
    if kind not in REGISTRY:
        raise ConfigError.expected('layer config "type"', expected=" or ".join(sorted(REGISTRY)), got=repr(kind))
    cls = REGISTRY[str(kind)]
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    given = {k: v for k, v in config.items() if k != "type"}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ConfigError.expected(f"{kind} config", expected=f"keys {', '.join(known)}", got=", ".join(unknown))
    return cls(**{k: _revived(v) for k, v in given.items()})


def _revived(value: Any) -> Any:
    """Nested layer configs become layers, lists become tuples."""
    if isinstance(value, Mapping) and "type" in value:
        return from_config(value)
    if isinstance(value, list | tuple):
        return tuple(_revived(v) for v in value)
    return value
