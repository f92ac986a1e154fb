"""describe(): the whole of a package as data."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Protocol, TypedDict

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from loom_py import errors
from loom_py.introspect import Introspectable, available_when, discriminated_by
from loom_py.introspect.annotations import render
from loom_py.introspect.described_cache import canonical, content_hash
from loom_py.introspect.description import describe_now
from loom_py.introspect.type_closure import DefinedTypes, TypeClosure, follow

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Colour", "Happening", "Layer", "Machine", "Options", "PaintError", "mix"]
__version__ = "1.2.3"

Colour = Literal["red", "green"]
"""A colour."""
Extent = tuple[int, ...]
"""Not public, but named by what is."""


@dataclass(frozen=True)
class Bounds:
    low: float


class Layer:
    """Base of layers."""


@dataclass(frozen=True)
class Paint(Layer):
    """A coat of paint."""

    width: Annotated[int, Bounds(1)]
    """How wide."""
    colour: Colour = "red"
    inner: tuple[Layer, ...] = ()


@dataclass
class Options:
    """How to mix."""

    colour: Colour
    """Which one."""
    parts: list[int] = field(default_factory=lambda: [1, 2])
    loss: float = float("nan")


@discriminated_by("kind")
@dataclass
class Happening:
    """Something that happens to paint."""

    kind: Literal["start", "end"]


class Result(NamedTuple):
    """What comes of it."""

    shape: Extent
    """Its shape."""
    detail: Detail | None = None


class Detail(TypedDict, total=False):
    """More."""

    note: str
    """A note."""


class PaintError(errors.ConfigError):
    """The paint is wrong."""

    code = "paint"


class Machine(Introspectable):
    """A machine.

    Args:
        size: how big.
    """

    def __init__(self, size: int, *, options: Options | None = None) -> None: ...

    def run(self) -> Result:
        """Run it."""
        return Result(())

    @available_when(lambda self: "never")
    def stop(self) -> None:
        """Stop it."""

    @classmethod
    def standard(cls) -> Machine:
        """One of standard size."""
        return cls(1)

    @property
    def extent(self) -> Extent:
        """Its extent."""
        return ()

    def __enter__(self) -> Machine:
        return self


class Runnable(Protocol):
    """Anything that runs."""

    def run(self) -> Result:
        """Run it."""


def mix(colours: list[Colour], then: Callable[[], None] | None = None, by: Runnable | None = None) -> Colour:
    """Mix colours.

    Raises:
        PaintError: they do not mix.
    """
    return colours[0]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return describe_now(sys.modules[__name__])


def named(records: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(record for record in records if record["name"] == name)


def test_it_is_strict_json_with_a_hash_of_its_content(described: dict[str, Any]) -> None:
    assert described["schema_version"] == 1
    assert described["version"] == "1.2.3"
    assert json.loads(canonical(described)) == described
    assert described["content_hash"] == content_hash(described)
    changed = described | {"version": "1.2.4"}
    assert content_hash(changed) != described["content_hash"]
    assert describe_now(sys.modules[__name__]) == described


def test_classes_have_constructor_methods_and_properties(described: dict[str, Any]) -> None:
    machine = named(described["classes"], "Machine")
    assert [(p["name"], p["doc"], p["kind"]) for p in machine["constructor"]] == [
        ("size", "how big.", "positional_or_keyword"),
        ("options", "", "keyword_only"),
    ]
    assert {method["method_name"]: method["conditional"] for method in machine["methods"]} == {
        "run": False,
        "stop": True,
        "get_methods": False,
        "has_method": False,
        "get_method_signature": False,
        "get_methods_json": False,
    }
    assert machine["properties"] == [{"name": "extent", "type": "Extent", "doc": "Its extent."}]
    assert [method["signature"] for method in machine["static_methods"]] == ["standard() -> Machine"]
    assert machine["protocols"] == ["context_manager"]
    assert machine["introspectable"]


def test_data_classes_that_types_lead_to_are_there_public_or_not(described: dict[str, Any]) -> None:
    assert {record["name"] for record in described["dataclasses"]} >= {"Options", "Result", "Detail"}
    colour, parts, loss = named(described["dataclasses"], "Options")["fields"]
    assert (colour["type"], colour["doc"], colour["required"]) == ("Colour", "Which one.", True)
    assert colour["choices"] == ["red", "green"]
    assert (parts["default"], parts["required"]) == ([1, 2], False)
    assert loss["default"] == "NaN"
    shape, detail = named(described["dataclasses"], "Result")["fields"]
    assert (shape["type"], shape["doc"], shape["required"]) == ("Extent", "Its shape.", True)
    assert (detail["type"], detail["required"], detail["default"]) == ("Detail | None", False, None)
    assert [f["name"] for f in named(described["dataclasses"], "Detail")["fields"]] == ["note"]
    assert not named(described["dataclasses"], "Detail")["fields"][0]["required"]


def test_layers_have_their_parameters_with_limits_and_choices(described: dict[str, Any]) -> None:
    (paint,) = described["layers"]
    assert (paint["type"], paint["doc"]) == ("Paint", "A coat of paint.")
    width, colour, inner = paint["parameters"]
    assert (width["type"], width["minimum"], width["doc"]) == ("int", 1, "How wide.")
    assert (colour["default"], colour["choices"]) == ("red", ["red", "green"])
    assert inner["type"] == "tuple[Layer, ...]"
    assert "Paint" not in {record["name"] for record in described["dataclasses"]}


def test_functions_errors_and_aliases(described: dict[str, Any]) -> None:
    (function,) = described["functions"]
    assert function["signature"] == (
        "mix(colours: list[Colour], then: Callable[[], None] | None = None, by: Runnable | None = None) -> Colour"
    )
    assert function["raises"] == [{"error": "PaintError", "doc": "they do not mix."}]
    assert described["errors"] == [
        {"name": "PaintError", "code": "paint", "doc": "The paint is wrong.", "bases": ["ConfigError"]}
    ]
    aliases = {alias["name"]: alias for alias in described["aliases"]}
    assert (aliases["Colour"]["choices"], aliases["Colour"]["doc"]) == (["red", "green"], "A colour.")
    assert (aliases["Extent"]["type"], aliases["Extent"]["choices"]) == ("tuple[int, ...]", [])


def test_events_say_what_discriminates_their_kinds(described: dict[str, Any]) -> None:
    assert described["events"] == [{"name": "Happening", "key": "kind", "kinds": ["start", "end"]}]


def test_protocols_name_the_public_classes_that_fit(described: dict[str, Any]) -> None:
    assert described["protocols"] == [
        {"name": "Runnable", "doc": "Anything that runs.", "methods": ["run"], "classes": ["Machine"]}
    ]


def test_package_names_are_the_packages_own_types() -> None:
    names = DefinedTypes(sys.modules[__name__])
    assert {"Machine", "Detail", "Colour", "Extent"} <= names.keys()
    assert "Introspectable" not in names


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package whose modules both define `Kind`, differently, and both name the same `Extent`."""
    made = {name: ModuleType(name) for name in ("toy", "toy.a", "toy.b")}
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    made["toy.a"].Kind = Literal["one", "two"]  # type: ignore[attr-defined]
    made["toy.b"].Kind = Literal["one"]  # type: ignore[attr-defined]
    for name in ("toy.a", "toy.b"):
        made[name].Extent = tuple[int, ...]  # type: ignore[attr-defined]
    return made["toy"]


def test_a_bare_name_with_two_definitions_is_refused(package: ModuleType) -> None:
    names = DefinedTypes(package)
    assert names["Extent"] == tuple[int, ...]
    with pytest.raises(errors.ConfigError, match=r"type name Kind: .* in toy\.a and toy\.b; rename one"):
        names["Kind"]
    with pytest.raises(errors.ConfigError, match="Kind"):
        follow({"fields": [{"type": "list[Kind]"}]}, TypeClosure({}, {}), names)


def test_a_hidden_name_is_hidden_in_every_module(package: ModuleType) -> None:
    assert DefinedTypes(package, without=[type("Kind", (), {})]).keys() == {"Extent"}


def test_a_public_name_is_what_the_package_makes_of_it(package: ModuleType) -> None:
    closure = TypeClosure({}, {"Kind": Literal["one"]})
    follow({"fields": [{"type": "list[Kind]"}]}, closure, DefinedTypes(package))
    assert closure.aliases == {"Kind": Literal["one"]}


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (NDArray[np.int64], "NDArray[int64]"),
        (np.ndarray[Any, np.dtype[np.int64]], "NDArray[int64]"),  # what NDArray[int64] is in NumPy 2.1
        (np.ndarray[tuple[Any, ...], np.dtype[np.int64]], "NDArray[int64]"),  # and from 2.3 to 2.4
        (list[ArrayLike], "list[ArrayLike]"),
    ],
)
def test_array_types_read_the_same_with_every_numpy(annotation: object, text: str) -> None:
    assert render(annotation) == text
