"""Objects say what they can do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from loom_py.errors import NotPublicError, UnavailableError
from loom_py.introspect import Introspectable, MethodInfo, available_when, internal
from loom_py.introspect.members import properties_of

Mode = Literal["fast", "exact"]


@dataclass(frozen=True)
class Span:
    low: float
    high: float = float("inf")
    open_high: bool = False


Share = Annotated[float, Span(0, 1, open_high=True)]


class Base(Introspectable):
    def inherited(self) -> None:
        """From the base."""

    def documented(self) -> int:
        """Documented above."""
        return 1


class Machine(Base):
    """A machine."""

    def __init__(self, *, gpu: bool = False) -> None:
        self.gpu = gpu

    def train(
        self, batches: Iterable[int], mode: Mode | None = "fast", *rest: int, rate: Share = 0.5
    ) -> tuple[int, int]:
        """Train it.

        Args:
            batches: what to learn from.
            rate: how fast.

        Returns:
            Two numbers.

        Raises:
            ShapeError: a batch does not fit.
        """
        return (len(list(batches)), 0)

    @available_when(lambda self: None if self.gpu else "no WebGPU device was found")
    def forward_gpu(self, x: float, /, *, limit: float = float("nan")) -> float:
        """On the GPU."""
        return x

    async def wait(self) -> None:
        """Wait."""

    def documented(self) -> int:
        return 2

    def _private(self) -> None: ...

    @internal
    def for_the_package(self) -> None: ...

    @internal
    @property
    def engine(self) -> int:
        return 1

    @classmethod
    def make(cls) -> Machine:
        return cls()

    @property
    def size(self) -> int:
        return 3


def info(name: str, machine: Machine | None = None) -> MethodInfo:
    return next(method for method in (machine or Machine()).get_methods() if method.method_name == name)


def test_methods_come_in_order_the_objects_own_first() -> None:
    assert [method.method_name for method in Machine().get_methods()] == [
        *("train", "forward_gpu", "wait", "documented", "inherited"),
        *("get_methods", "has_method", "get_method_signature", "get_methods_json"),
    ]


def test_a_method_tells_its_parameters_and_results() -> None:
    train = info("train")
    batches, mode, rest, rate = train.parameters
    assert (batches.type, batches.doc, batches.required) == ("Iterable[int]", "what to learn from.", True)
    assert (mode.type, mode.default, mode.choices) == ("Mode | None", "fast", ("fast", "exact", None))
    assert (rest.kind, rest.required) == ("var_positional", False)
    assert (rate.kind, rate.type, rate.default) == ("keyword_only", "float", 0.5)
    assert (rate.limits.minimum, rate.limits.maximum, rate.limits.exclusive_maximum) == (0, None, 1)
    assert train.returns == ("tuple[int, int]",)
    assert train.returns_doc == "Two numbers."
    assert train.raises == {"ShapeError": "a batch does not fit."}
    assert train.doc == "Train it."
    assert info("wait").is_async
    assert info("wait").returns == ()


def test_docs_are_inherited_by_overriding_methods() -> None:
    assert info("documented").doc == "Documented above."


@pytest.mark.parametrize("name", ["train", "Train"])
def test_signature_is_the_annotations_as_written(name: str) -> None:
    assert Machine().get_method_signature(name) == (
        'train(batches: Iterable[int], mode: Mode | None = "fast", *rest: int, rate: float = 0.5) -> tuple[int, int]'
    )


def test_signature_marks_positional_and_keyword_only() -> None:
    assert Machine().get_method_signature("ForwardGPU") == "forward_gpu(x: float, /, *, limit: float = NaN) -> float"
    assert Machine().get_method_signature("GetMethodsJSON") == "get_methods_json() -> str"


def test_availability_is_the_objects_own_and_of_this_moment() -> None:
    machine = Machine()
    assert not machine.has_method("ForwardGPU")
    assert info("forward_gpu", machine).unavailable_reason == "no WebGPU device was found"
    with pytest.raises(UnavailableError, match=r"Machine\.forward_gpu is not available: no WebGPU device was found"):
        machine.forward_gpu(1.0)
    machine.gpu = True
    assert machine.has_method("ForwardGPU")
    assert machine.has_method("forwardGPU")
    assert info("forward_gpu", machine).available
    assert machine.forward_gpu(1.0) == 1.0


@pytest.mark.parametrize(
    "name", ["_private", "for_the_package", "engine", "__init__", "make", "size", "no_such", "trAin", ""]
)
def test_what_is_no_public_method_is_not_had(name: str) -> None:
    assert not Machine().has_method(name)
    with pytest.raises(NotPublicError, match="expected one of train, forward_gpu"):
        Machine().get_method_signature(name)


def test_json_is_strict_and_has_the_guides_keys() -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    methods = json.loads(Machine().get_methods_json(), parse_constant=refuse)
    assert [method["method_name"] for method in methods][:2] == ["train", "forward_gpu"]
    for method in methods:
        assert {"method_name", "parameters", "returns", "doc", "raises", "async", "available"} <= method.keys()
        assert all(isinstance(method[key], list) for key in ("parameters", "returns", "raises"))
        for parameter in method["parameters"]:
            assert {"name", "type", "doc", "required", "default", "kind"} <= parameter.keys()
            assert isinstance(parameter["choices"], list)
    gpu = methods[1]
    assert (gpu["available"], gpu["unavailable_reason"]) == (False, "no WebGPU device was found")
    assert gpu["parameters"][1]["default"] == "NaN"


def test_the_guides_listing_runs() -> None:
    lines = [
        f"{m.method_name}({', '.join(p.type for p in m.parameters)}) → {', '.join(m.returns)}"
        for m in Machine().get_methods()
    ]
    assert lines[1] == "forward_gpu(float, float) → float"


def test_internal_members_work_but_are_not_listed() -> None:
    machine = Machine()
    machine.for_the_package()
    assert machine.engine == 1
    assert properties_of(Machine).keys() == {"size"}
