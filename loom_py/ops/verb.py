"""Declaration of verbs, and their two modes: eager on NumPy arrays, or recorded into a Program.

A verb is declared once: shapes of its outputs (`spec`), meaning (the decorated function, in NumPy, writing into
preallocated outputs) and cost. Layers call verbs as functions: with a `Tensor` among the arguments the call is
recorded, otherwise it runs at once, in the arrays' precision. So the layer code that is gradient-checked in float64 is
the code that every executor runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from loom_py.errors import ShapeError
from loom_py.shapes import AnyArray, Shape, size_of


@dataclass(frozen=True, slots=True)
class Spec:
    """Shape and type of an array that need not exist yet."""

    shape: Shape
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Number of elements."""
        return size_of(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
        return self.size * self.dtype.itemsize


class Value(Protocol):
    """Argument or result of a verb: a NumPy array, or a `Tensor` in place of one."""

    @property
    def shape(self) -> Shape: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


class Records(Protocol):
    """Protocol of the Recorder, which turns verb calls into instructions."""

    def record(self, verb: Verb, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any: ...


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A value that will exist when the Program runs: buffer `index` of `recorder`."""

    recorder: Records
    index: int
    spec: Spec

    @property
    def shape(self) -> Shape:
        return self.spec.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.spec.dtype

    @property
    def ndim(self) -> int:
        return len(self.spec.shape)


Specs = Spec | tuple[Spec, ...]
Meaning = TypeVar("Meaning", bound=Callable[..., None])


@dataclass(frozen=True, eq=False)
class Verb:
    """One operation: shape rule, meaning and cost. Called like a function.

    Attributes:
        name: name for executors.
        spec: (*input specs, **attrs) → spec of the output, or a tuple of them; raises ShapeError. A missing input
            is None.
        meaning: (*outputs, *inputs, **attrs) → None; fills the outputs. The NumPy code is the
            verb's definition.
        flops: (input specs, output specs, attrs) → floating point operations.
        reuses: positions of inputs whose memory the single output may take over if this is their last use.
        writes: positions of inputs that the verb changes in place (parameters, optimizer state).
        view: (spec of input 0, **attrs) → byte offset, for verbs whose output is a view of input 0.
    """

    name: str
    spec: Callable[..., Specs]
    meaning: Callable[..., None]
    flops: Callable[[Sequence[Spec | None], Sequence[Spec], dict[str, Any]], int]
    reuses: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    view: Callable[..., int] | None = None
    doc: str = field(default="", repr=False)

    def __reduce__(self) -> tuple[Callable[[str], Verb], tuple[str]]:
        """A verb is copied and pickled by its name."""
        return _by_name, (self.name,)

    def __call__(self, *inputs: Any, **attrs: Any) -> Any:
        """Record the call if an argument is a Tensor, else run it and return new arrays."""
        for value in inputs:
            if isinstance(value, Tensor):
                return value.recorder.record(self, inputs, attrs)
        arrays = self._arrays(inputs)
        specs = self.output_specs([None if a is None else Spec(a.shape, a.dtype) for a in arrays], attrs)
        outputs = tuple(np.empty(s.shape, s.dtype) for s in specs)
        self.meaning(*outputs, *arrays, **attrs)
        return outputs[0] if len(outputs) == 1 else outputs

    def output_specs(self, inputs: Sequence[Spec | None], attrs: dict[str, Any]) -> tuple[Spec, ...]:
        """The outputs' specs, always as a tuple."""
        specs = self.spec(*inputs, **attrs)
        return (specs,) if isinstance(specs, Spec) else specs

    @staticmethod
    def _arrays(inputs: Sequence[Any]) -> list[AnyArray | None]:
        """Arrays unchanged; Python numbers in the precision of the first floating array."""
        dtype = next((a.dtype for a in inputs if isinstance(a, np.ndarray) and a.dtype.kind == "f"), np.dtype("f4"))
        return [a if a is None or isinstance(a, np.ndarray) else np.asarray(a, dtype) for a in inputs]


def verb(
    spec: Callable[..., Specs],
    *,
    flops: float | Callable[..., int] = 1,
    reuses: tuple[int, ...] = (),
    writes: tuple[int, ...] = (),
    view: Callable[..., int] | None = None,
) -> Callable[[Callable[..., None]], Verb]:
    """Declare a verb; the decorated function is its meaning. A number as `flops` counts per output element."""

    def per_element(_ins: Sequence[Spec | None], outs: Sequence[Spec], _attrs: dict[str, Any]) -> int:
        assert isinstance(flops, int | float)
        return int(flops * sum(o.size for o in outs))

    def declare(meaning: Callable[..., None]) -> Verb:
        cost = flops if callable(flops) else per_element
        declared = Verb(meaning.__name__, spec, meaning, cost, reuses, writes, view, (meaning.__doc__ or "").strip())
        VERBS[declared.name] = declared
        return declared

    return declare


VERBS: dict[str, Verb] = {}
"""Every verb by name; the op suite runs all of them on all executors."""


def _by_name(name: str) -> Verb:
    return VERBS[name]


def same(x: Spec, *_rest: Spec | None, **_attrs: Any) -> Spec:
    """Shape rule of verbs whose output has the spec of their first input."""
    return x


def broadcast(*inputs: Spec | None, **_attrs: Any) -> Spec:
    """Shape rule of NumPy broadcasting; the dtype is that of the first input that is not a scalar."""
    given = [s for s in inputs if s is not None]
    try:
        shape = np.broadcast_shapes(*(s.shape for s in given))
    except ValueError:
        raise ShapeError.expected(
            "elementwise operation", expected="shapes that broadcast", got=" and ".join(str(s.shape) for s in given)
        ) from None
    dtype = next((s.dtype for s in given if s.shape), given[0].dtype)
    return Spec(tuple(shape), dtype)


def normal_axes(axes: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Axes as sorted non-negative numbers; raises ShapeError if one is out of range."""
    wanted = (axes,) if isinstance(axes, int) else tuple(axes)
    if any(not -ndim <= axis < ndim for axis in wanted):
        raise ShapeError.expected("axis", expected=f"-{ndim} to {ndim - 1}", got=wanted)
    return tuple(sorted({axis % ndim for axis in wanted}))


def reduced(x: Spec, *, axes: int | Sequence[int], keepdims: bool = False, **_attrs: Any) -> Spec:
    """Shape rule of reductions over `axes`."""
    gone = normal_axes(axes, len(x.shape))
    if keepdims:
        return Spec(tuple(1 if i in gone else n for i, n in enumerate(x.shape)), x.dtype)
    return Spec(tuple(n for i, n in enumerate(x.shape) if i not in gone), x.dtype)
