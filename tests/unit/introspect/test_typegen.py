"""TypeScript, schemas and reference from a toy package."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from loom_py.errors import LoomError
from loom_py.introspect import Introspectable, runs_in_steps
from loom_py.introspect.description import describe_now
from loom_py.introspect.reference import reference
from loom_py.introspect.schema import events_schema, network_schema, type_schema
from loom_py.introspect.typescript import typegen
from loom_py.shapes import Array, ArrayLike
from loom_py.telemetry.events import EventType, TrainingEvent
from loom_py.telemetry.observer import Observer

__all__ = ["Layer", "LoomError", "Network", "Observer", "TrainingEvent", "Watcher", "loss_grad"]
Mode = Literal["fast", "exact"]


class Layer: ...


@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected."""

    inputs: int
    """Width of the input."""
    mode: Mode = "fast"


@dataclass
class Options:
    """How to train."""

    epochs: int = 1
    """Passes over the data."""
    validation: tuple[Any, Any] | None = None


@dataclass
class Result:
    """What came of it."""

    losses: list[float]
    options: Options
    note: str | None = None


class Network(Introspectable):
    """A network."""

    @runs_in_steps("trainer")
    def train(self, batches: Iterable[ArrayLike], options: Options | None = None) -> Result:
        """Train it. A comment can't be ended: */

        Raises:
            LoomError: nothing fits.
        """
        raise NotImplementedError

    def set_layer(self, row: int, layer: Layer | None = None, *, strict: bool = True, hook: Callable[[], None]) -> None:
        """Can't be called from a worker: the hook is required."""

    def forward_gpu(self, x: ArrayLike, *, mode: Mode = "fast", hook: Callable[[Array], None] | None = None) -> Array:
        """Run it.

        Args:
            x: one sample.
            mode: how.
        """
        raise NotImplementedError

    def set_observer(self, observer: Observer | None) -> None:
        """Watch it."""

    @property
    def seed(self) -> int:
        """The seed."""
        return 1


class Watcher(Observer, Introspectable):
    """Watches."""

    def __init__(self, on_seen: Callable[[int], None] | None = None, depth: int = 0, *, every: int = 1) -> None: ...

    def get_history(self) -> list[TrainingEvent]:
        """What was seen."""
        return []


def loss_grad(output: ArrayLike, target: ArrayLike) -> tuple[float, Array]:
    """Loss and gradient."""
    raise NotImplementedError


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return describe_now(sys.modules[__name__])


@pytest.fixture(scope="module")
def text(described: dict[str, Any]) -> str:
    return typegen(described)


def face(text: str, name: str) -> str:
    before, _, after = text.partition("export namespace direct {")
    return before if name == "async" else after


def test_it_is_deterministic_and_has_no_any(text: str, described: dict[str, Any]) -> None:
    assert typegen(describe_now(sys.modules[__name__])) == text
    assert described["content_hash"] in text
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    assert not re.search(r"\bany\b", code)
    assert "pyodide" not in code.lower()


def test_every_async_method_gives_a_promise(text: str) -> None:
    assert "  forwardGPU(x: ArrayInput, options?: NetworkForwardGPUOptions): Promise<NDArray>;" in face(text, "async")
    assert "  seed(): Promise<number>;" in face(text, "async")
    assert "  lossGrad(output: ArrayInput, target: ArrayInput): Promise<readonly [number, NDArray]>;" in text


def test_the_direct_face_answers_at_once(text: str) -> None:
    direct = face(text, "direct")
    assert "Promise" not in direct
    assert "    forwardGPU(x: ArrayInput, options?: NetworkForwardGPUOptions): NDArray;" in direct
    assert "    readonly seed: number;" in direct
    assert "    readonly hook?: ((arg0: NDArray) => void) | null;" in direct


def test_what_cannot_cross_is_left_out_of_the_async_face_alone(text: str) -> None:
    assert "hook" not in face(text, "async")
    assert "setLayer" not in face(text, "async")
    assert "onSeen" not in face(text, "async")
    assert "watcher(onSeen?: ((arg0: number) => void) | null, depth?: number, options?: " in face(text, "direct")


def test_what_follows_a_callback_is_given_by_name(text: str) -> None:
    assert "  watcher(options?: LoomWatcherOptions): Promise<Watcher>;" in face(text, "async")
    assert re.search(r"interface LoomWatcherOptions \{[^}]*readonly every\?: number;", face(text, "async"))


def test_no_optional_parameter_stands_before_a_required_one(text: str) -> None:
    line = "setLayer(row: number, layer: LayerConfig | null | undefined, options: NetworkSetLayerOptions): void;"
    assert line in face(text, "direct")


def test_a_long_call_takes_a_signal_and_tells_events(text: str) -> None:
    assert "train(batches: readonly ArrayInput[], options?: OptionsInput | null, " in text
    assert re.search(r"train\([^\n]*, options\?: LongCallOptions\): Promise<Result>;", face(text, "async"))


def test_data_in_both_directions_has_two_types(text: str) -> None:
    assert re.search(r"interface OptionsInput \{[^}]*readonly epochs\?: number;", text)
    assert re.search(r"interface Options \{[^}]*readonly epochs: number;", text)
    assert "readonly options: Options;" in text


def test_unions_are_told_apart_by_a_required_key(text: str) -> None:
    for kind in EventType.__args__:  # type: ignore[attr-defined]
        assert f'  readonly type: "{kind}";' in text
    assert re.search(r"export interface DenseConfig \{\s+readonly type: \"Dense\";", text)
    assert "export type LayerConfig = DenseConfig;" in text
    assert '  readonly code: "loom";' in text


def test_comments_carry_parameters_errors_and_defaults(text: str) -> None:
    assert "   * @param x - one sample." in text
    assert "   * @throws {@link LoomError} nothing fits." in text
    assert '@defaultValue `"fast"`' in text
    assert "   * Train it. A comment can't be ended: *\\/" in text


def test_observers_are_made_by_the_library_and_their_callbacks_are_not_called(text: str) -> None:
    assert "  watcher(options?: LoomWatcherOptions): Promise<Watcher>;" in text
    assert "onTrainingEvent" not in text
    assert "export type Observer = Watcher;" in face(text, "async")
    assert "setObserver(observer: Observer | null): Promise<void>;" in face(text, "async")


def test_schema_of_the_network_config(described: dict[str, Any]) -> None:
    schema = network_schema(described)
    dense = schema["$defs"]["Dense"]
    assert dense["properties"]["type"] == {"const": "Dense"}
    assert dense["properties"]["mode"] == {"enum": ["fast", "exact"], "default": "fast"}
    assert dense["required"] == ["type", "inputs"]
    assert schema["$defs"]["Layer"] == {"oneOf": [{"$ref": "#/$defs/Dense"}]}


def test_schema_of_sequences(described: dict[str, Any]) -> None:
    integer = {"type": "integer"}
    pair = {"type": "array", "prefixItems": [integer, integer], "items": False, "minItems": 2}
    assert type_schema("int | tuple[int, int] | None", described) == {"anyOf": [integer, pair, {"type": "null"}]}
    assert type_schema("tuple[Layer, ...]", described) == {"type": "array", "items": {"$ref": "#/$defs/Layer"}}
    assert type_schema("Mode", described) == {"enum": ["fast", "exact"]}
    assert type_schema("Any", described) == {}


def test_schema_of_events_allows_what_is_not_finite(described: dict[str, Any]) -> None:
    event = events_schema(described)["$defs"]["TrainingEvent"]
    assert event["properties"]["type"]["enum"] == list(EventType.__args__)  # type: ignore[attr-defined]
    assert {"enum": ["NaN", "Infinity", "-Infinity"]} in event["properties"]["loss"]["anyOf"]
    assert event["properties"]["step"]["type"] == "integer"


def test_reference_names_everything(described: dict[str, Any]) -> None:
    page = reference(described)
    for heading in ("### Network", "#### forward_gpu", "### loss_grad", "### Dense", "### Options"):
        assert f"{heading}\n" in page
    assert "- raises `LoomError`: nothing fits." in page
    assert "| `epochs` | `int` | `1` | Passes over the data |" in page
    assert "| `note` | `str \\| None` | `None` |  |" in page
    assert "As in `Observer`: `on_layer_forward`," in page
    assert page.count("#### on_training_event\n") == 1
