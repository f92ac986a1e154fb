"""Annotation texts as TypeScript."""

from __future__ import annotations

from typing import get_args

import pytest

from loom_py.introspect.annotations import text_of
from loom_py.introspect.typescript.types import Api, CannotCross, Names, Writer

NAMES = Names(
    handles=frozenset({"Network"}),
    data_in={"Config": "ConfigInput", "Batch": "Batch"},
    data_out={"Config": "Config", "Result": "Result"},
    aliases={"Phase": 'Literal["a", "b"]', "Shape": "tuple[int, ...]", "Hook": "Callable[[Result], None]"},
    literal_aliases=frozenset({"Phase"}),
    specials={"Layer": "LayerConfig"},
)


def written(text: str, direction: str = "out", api: Api = "async") -> str:
    return Writer(NAMES, api, "in" if direction == "in" else "out").type_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int", "number"),
        ("float | None", "number | null"),
        ("Optional[str]", "string | null"),
        ("Union[int, float, str]", "number | string"),
        ("bytes", "Uint8Array"),
        ('Literal["forward", "backward"]', '"forward" | "backward"'),
        ('Literal["a", 1, True, None]', '"a" | 1 | true | null'),
        ("Phase", "Phase"),
        ("Shape", "readonly number[]"),
        ("list[int]", "readonly number[]"),
        ("list[int | str]", "readonly (number | string)[]"),
        ("list[list[float]]", "readonly (readonly number[])[]"),
        ("tuple[float, Array]", "readonly [number, NDArray]"),
        ("tuple[Shape, ...]", "readonly (readonly number[])[]"),
        ("dict[str, Array]", "Readonly<Record<string, NDArray>>"),
        ("Mapping[str, list[int | None]] | None", "Readonly<Record<string, readonly (number | null)[]>> | null"),
        ("NDArray[np.float32] | None", "NDArray | null"),
        ("list[AnyArray]", "readonly AnyNDArray[]"),
        ("NDArray[Any]", "AnyNDArray"),
        ("ndarray[tuple[Any, ...], dtype[int64]]", "AnyNDArray"),
        ("ndarray[tuple[Any, ...], dtype[float32]]", "NDArray"),
        ("Result", "Result"),
        ("Network", "Network"),
        ("list[Layer]", "readonly LayerConfig[]"),
        ("os.PathLike[str] | str", "string"),
        ("Any", "unknown"),
        ("Self", "this"),
        ("", "unknown"),
    ],
)
def test_output(text: str, expected: str) -> None:
    assert written(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ArrayLike", "ArrayInput"),
        ("Iterable[Batch]", "readonly Batch[]"),
        ("Config | None", "ConfigInput | null"),
        ("Sequence[ArrayLike] | None", "readonly ArrayInput[] | null"),
    ],
)
def test_input_is_wide(text: str, expected: str) -> None:
    assert written(text, "in") == expected


def test_functions_cross_in_the_same_thread_alone() -> None:
    assert written("Callable[[Result, Array], None]", "in", "direct") == "((arg0: Result, arg1: NDArray) => void)"
    assert written("Hook | None", "in", "direct") == "((arg0: Result) => void) | null"
    for text in ("Callable[[Result], None]", "Hook | None", "list[Callable[[], int]]"):
        with pytest.raises(CannotCross):
            written(text, "in", "async")


def test_streams_never_cross() -> None:
    for api in get_args(Api):
        with pytest.raises(CannotCross):
            written("TextIO | None", "in", api)


def test_alternatives_that_cannot_cross_are_no_input() -> None:
    names = Names(frozenset({"Net"}), {}, {}, {}, frozenset(), {}, {"Base": ("Net", "Web")}, frozenset({"Secret"}))
    taken, given = Writer(names, "async", "in"), Writer(names, "async", "out")
    assert taken.type_of("Secret | str | None") == "string | null"
    assert taken.type_of("list[Base | None]") == "readonly (Net | Web | null)[]"
    for writer, text in ((taken, "Secret | None"), (given, "Secret | str"), (taken, "list[Secret]")):
        with pytest.raises(CannotCross, match="Secret has no TypeScript type"):
            writer.type_of(text)
    assert not names.unknown


def test_names_that_nothing_is_known_of_are_collected() -> None:
    names = Names(frozenset(), {}, {}, {}, frozenset(), {})
    with pytest.raises(CannotCross):
        Writer(names, "async", "out").type_of("list[Mystery] | Riddle[int]")
    assert names.unknown == {"Mystery", "Riddle"}


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("Annotated[int, Range(1)] | None", "int | None"),
        ("typing.Annotated[list[int], 1]", "list[int]"),
        ("Literal['a']", 'Literal["a"]'),
        (int, "int"),
        (int | None, "int | None"),
        (tuple[int, ...], "tuple[int, ...]"),
        (None, "None"),
    ],
)
def test_annotations_as_text(annotation: object, text: str) -> None:
    assert text_of(annotation) == text
