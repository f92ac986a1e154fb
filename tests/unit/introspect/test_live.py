"""Every method of the generated types answers a live call, and what comes back is what the types say."""

from __future__ import annotations

import ast
import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loom_py import Network
from loom_py.errors import UnavailableError
from loom_py.introspect import snake
from loom_py.introspect.description import describe
from loom_py.introspect.typescript import typegen
from loom_py.introspect.typescript.names import handle_methods
from loom_py.session.package import open_session
from loom_py.session.session import Session
from loom_py.store import pack_tensors

DESCRIBED = describe()
TYPES = typegen(DESCRIBED)
CONFIG = {"input_shape": [3], "seed": 1, "layers": [{"type": "Dense", "inputs": 3, "outputs": 2}, {"type": "Softmax"}]}
TORCH = pack_tensors({"net.weight": np.ones((2, 3), np.float32), "net.bias": np.zeros(2, np.float32)})
LOOM = {
    "type": "modelhost/bundle",
    "version": 1,
    "models": [
        {
            "id": "one",
            "cfg": {
                **dict.fromkeys(("grid_rows", "grid_cols", "layers_per_cell"), 1),
                "layers": [{"type": "dense", "activation": "tanh", "input_height": 1, "output_height": 1}],
            },
            "weights": {
                "fmt": "jsonModelB64",
                "data": base64.b64encode(b'{"layers": [{"kernel": [0.5], "biases": [1]}]}').decode(),
            },
        }
    ],
}
X, Y = [[0.0, 1.0, 2.0], [1.0, 0.0, 1.0]], [0, 1]

OPTIONS = {
    "loss": {"type": "CrossEntropy", "class_weights": [1, 2]},
    "optimizer": {"type": "AdamW", "weight_decay": 0},
    "schedule": {"type": "WarmUp", "steps": 1, "inner": {"type": "Exponential", "decay": 0.9}},
    "early_stopping": {"patience": 1},
    "groups": [{"names": ["*.bias"], "rate": 2}],
}

# Calls of each handle in an order in which they can be answered; {folder} is a folder of the test's own.
SHARED: dict[str, list[Any]] = {
    "getMethods": [],
    "hasMethod": ["Flush"],
    "getMethodSignature": ["GetMethodsJSON"],
    "getMethodsJSON": [],
}
BASE: dict[str, list[Any]] = {**SHARED, "flush": [], "close": []}
OBSERVER: dict[str, list[Any]] = {**BASE, "closed": []}
CALLS: dict[str, dict[str, list[Any]]] = {
    "Network": {
        **SHARED,
        "setLayer": [0, 0, 0, {"type": "Dense", "inputs": 3, "outputs": 2, "activation": "tanh"}],
        "to": ["numpy"],
        "device": [],
        "deviceReason": [],
        "gpuUnavailableReason": [],
        "setOptimizer": [{"type": "SGD", "momentum": 0.9}],
        "toConfig": [],
        "addObserver": ["recording"],
        "removeObserver": ["recording"],
        "setObserver": ["recording"],
        "forward": [X],
        "forwardCPU": [X],
        "backwardCPU": [[[1.0, 0.0], [0.0, 1.0]]],
        "applyGradients": [0.1],
        "apply": [{"title": "", "change": {"init": "he_normal"}}],
        "train": [[{"input": X, "target": Y}], {"epochs": 2}],
        "fit": [X, Y, {"epochs": 2, **OPTIONS}],
        "evaluate": [X, Y],
        "parameters": [],
        "gradients": [],
        "setParameters": [{"0.bias": [0.0, 1.0]}],
        "getBlueprint": [],
        "getTelemetry": [],
        "resetStates": [],
        "saveModel": ["second"],
        "loadTorchWeights": [np.frombuffer(TORCH, np.uint8)],
        "exportOnnx": [],
        "forwardGPU": [X],
    },
    "RecordingObserver": {
        "getHistory": [],
        "getBackwardHistory": [],
        "getTrainingHistory": [],
        "getTweenHistory": [],
        "getRecords": [],
        "toText": [],
        "toHtml": [],
        "saveToFile": ["{folder}/a.jsonl"],
        "export": ["{folder}/a.csv", "csv"],
        "dropped": [],
        "memoryBytes": [],
        "clear": [],
        **OBSERVER,
    },
    "ChannelObserver": {"take": [], "counters": [], "memoryBytes": [], **OBSERVER},
    "ConsoleObserver": OBSERVER,
    "DiagnosticObserver": {"getFindings": [], "clear": [], **BASE},
    "DeviationMetrics": {
        "update": [[1.0], [1.1], "one"],
        "updateBatch": [[[1.0], [2.0]], [[1.0], [3.0]]],
        "getBucketCounts": [],
        "getWorstSamples": [2],
        "getSamplesInBucket": ["failed"],
        "score": [],
        "weightedScore": [],
        "mae": [],
        "rmse": [],
        "r2": [],
        "merge": ["metrics"],
        "compare": ["metrics"],
        "report": [],
        "toJSON": [],
        "reset": [],
        "updateClass": [[0.2, 0.8], 1],
        "updateClassBatch": [[[0.2, 0.8]], [1]],
        "accuracy": [],
        "confusionMatrix": [],
        "calibrationError": [],
        **SHARED,
    },
    "TensorBoardObserver": OBSERVER,
    "TweenTrainer": {
        "step": [X, Y],
        "fit": [X, Y],
        "getHistory": [],
        **SHARED,
    },
    "HTTPObserver": {"counters": [], "memoryBytes": [], **OBSERVER},
    "OTLPObserver": {"counters": [], "memoryBytes": [], **OBSERVER},
}
MAKERS: dict[str, list[Any]] = {
    "channelObserver": [8, "drop_oldest"],
    "consoleObserver": [],
    "recordingObserver": [],
    "tensorBoardObserver": ["{folder}"],
    "httpObserver": ["http://127.0.0.1:9/"],
    "otlpObserver": ["http://127.0.0.1:9/"],
    "deviationMetrics": ["guide", "max"],
    "diagnosticObserver": [],
    "tweenTrainer": ["network", {"mode": "target"}],
    "network": [CONFIG],
}
OUTPUT = {"data": np.array([0.25, 0.75], np.float32), "shape": [1, 2]}
FUNCTIONS: dict[str, list[Any]] = {
    "crossEntropyLossGrad": [OUTPUT, [1]],
    "binaryCrossEntropyLossGrad": [OUTPUT, [[0.0, 1.0]]],
    "huberLossGrad": [OUTPUT, [[0.0, 1.0]]],
    "maeLossGrad": [OUTPUT, [[0.0, 1.0]]],
    "mseLossGrad": [OUTPUT, [[0.0, 1.0]]],
    "heal": ["network", {"title": "", "change": {"learning_rate": "trial"}}, X, Y, {"epochs": 2, **OPTIONS}],
    "check": ["network", X, Y, {"epochs": 2, **OPTIONS}],
    "compare": ["recording", "recording"],
    "compareToBaseline": ["recorded", "recorded"],
    "describe": [],
    "diagnose": ["recording"],
    "typegen": [],
    "loadLoomBundle": [np.frombuffer(json.dumps(LOOM).encode(), np.uint8), "one"],
    "loadModel": [np.frombuffer(Network.from_config(CONFIG).model_bytes("one"), np.uint8), "one"],
}
PACKAGES_OWN: set[str] = set()
"""Members that the trainer uses, and that ought not to be public."""
NEEDS_THREADS = {"HTTPObserver", "OTLPObserver"}
MAY_BE_UNAVAILABLE = {"forwardGPU", "exportOnnx"}


def members(interface: str) -> set[str]:
    """The methods of an interface of the async face as the generated text has them, without the bridge's own."""
    text = TYPES.partition("export namespace direct {")[0]
    bodies = re.findall(
        rf"^export interface {interface} (?:extends Handle )?\{{\n(.*?)^\}}", text, re.DOTALL | re.MULTILINE
    )
    return set(re.findall(r"^  (\w+)\(", "".join(bodies), re.MULTILINE)) - {"observe"}


def record_of(part: str, name: str) -> dict[str, Any] | None:
    return next((record for record in DESCRIBED[part] if record.get("name", record.get("method_name")) == name), None)


def returned(owner: str, name: str) -> str:
    """The annotation of what a member gives."""
    if owner == "Loom":
        function = record_of("functions", name)
        return (function["returns"] or ["None"])[0] if function else ""
    record = record_of("classes", owner)
    assert record is not None
    for method in handle_methods(DESCRIBED, record):
        if method["spelled"] == name:
            return (method["returns"] or ["None"])[0]
    return next(item["type"] for item in record["properties"] if item["name"] == name)


def conforms(value: Any, text: str) -> bool:
    """Whether plain data is what an annotation says, as the types of the page understand it."""
    return _fits(value, ast.parse(text, mode="eval").body)


SIMPLE: dict[str, Any] = {
    "int": int, "float": (int, float), "str": str, "bool": bool, "None": type(None), "Path": str, "bytes": bytes,
    "OptionsConfig": dict,
}  # fmt: skip


def _fits(value: Any, node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _fits(value, node.left) or _fits(value, node.right)
    if isinstance(node, ast.Subscript):
        base = ast.unparse(node.value)
        args = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if base == "Literal":
            return value in [ast.literal_eval(arg) for arg in args]
        if base in ("dict", "Mapping"):
            return isinstance(value, dict) and all(_fits(k, args[0]) and _fits(v, args[1]) for k, v in value.items())
        if base in ("list", "tuple", "Sequence"):
            return isinstance(value, list) and all(_fits(item, args[0]) for item in value)
        if base in ("NDArray", "ndarray"):
            return isinstance(value, np.ndarray) and value.dtype.name in ast.unparse(node)
        return False
    return _fits_name(value, ast.unparse(node))


def _fits_name(value: Any, name: str) -> bool:
    if name in ("Any", "object"):
        return True
    if name in ("Array", "AnyArray"):
        return isinstance(value, np.ndarray) and (name == "AnyArray" or value.dtype == np.float32)
    if name in SIMPLE:
        return isinstance(value, SIMPLE[name]) and not (isinstance(value, bool) and name in ("int", "float"))
    if name == "MethodInfo":
        return isinstance(value, dict) and value.keys() == keys_by_hand("MethodInfo")
    alias, data = record_of("aliases", name), record_of("dataclasses", name)
    if alias:
        return conforms(value, alias["type"])
    if data:
        fields = {field["name"]: field["type"] for field in data["fields"]}
        if not isinstance(value, dict) or value.keys() != fields.keys():
            return False
        wrong = [key for key, text in fields.items() if not conforms(value[key], text)]
        assert not wrong, f"{name}: {', '.join(f'{key}={value[key]!r}' for key in wrong)}"
        return True
    return isinstance(value, dict) and value.keys() == {"$handle", "class"}


def keys_by_hand(interface: str) -> set[str]:
    body = TYPES.partition(f"export interface {interface} {{\n")[2].partition("\n}")[0]
    return set(re.findall(r"^  readonly (\w+)", body, re.MULTILINE))


class Page:
    """Calls as a page does: names as JavaScript spells them, data alone, handles by number."""

    def __init__(self, folder: Path) -> None:
        self.session: Session = open_session()
        self.folder = folder
        self.recording = self.make("recordingObserver")

    def make(self, maker: str) -> dict[str, Any]:
        made = self.call(0, maker, MAKERS[maker])
        assert made.keys() == {"$handle", "class"}
        return dict(made)

    def call(self, target: int, name: str, given: list[Any]) -> Any:
        """Call by the name that the types have, through the table that the bridge goes by."""
        surface = self.session.surface.table()
        table = surface["classes"][self.session.owner_of(target)] if target else surface["library"]
        return self.session.call(target, table[name]["method"], self.arguments(given))

    def arguments(self, given: list[Any]) -> list[Any]:
        made = {"recording": lambda: self.recording, "metrics": lambda: self.make("deviationMetrics")}
        made |= {"network": lambda: self.make("network"), "recorded": self.recorded}
        return [made[item]() if isinstance(item, str) and item in made else self.placed(item) for item in given]

    def recorded(self) -> dict[str, Any]:
        """The recording, with a run."""
        network = self.make("network")["$handle"]
        self.call(network, "addObserver", ["recording"])
        self.call(network, "fit", CALLS["Network"]["fit"])
        return self.recording

    def placed(self, item: Any) -> Any:
        return item.replace("{folder}", str(self.folder)) if isinstance(item, str) else item


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    made = Page(tmp_path)
    yield made
    made.session.call(made.recording["$handle"], "close")


def test_the_tables_here_name_every_member_of_the_types() -> None:
    for owner, calls in CALLS.items():
        assert members(owner) - PACKAGES_OWN == calls.keys()
    assert members("Loom") <= MAKERS.keys() | FUNCTIONS.keys()


@pytest.mark.parametrize("owner", CALLS)
def test_every_member_answers_with_what_its_type_says(owner: str, page: Page) -> None:
    if owner in NEEDS_THREADS and sys.platform == "emscripten":
        pytest.skip("sends from a thread, or by the page's fetch")
    maker = next(name for name in MAKERS if snake(name) == snake(owner))
    handle = page.make(maker)
    if owner == "RecordingObserver":
        network = page.make("network")
        page.call(network["$handle"], "addObserver", [handle])
        page.call(network["$handle"], "fit", CALLS["Network"]["fit"])
    for name, given in CALLS[owner].items():
        try:
            value = page.call(handle["$handle"], name, given)
        except UnavailableError:
            assert name in MAY_BE_UNAVAILABLE
            continue
        text = returned(owner, snake(name))
        assert conforms(value, text), f"{owner}.{name} gave {value!r}, its type says {text}"


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() & members("Loom")))
def test_every_function_answers_with_what_its_type_says(name: str, page: Page) -> None:
    assert conforms(page.call(0, name, FUNCTIONS[name]), returned("Loom", snake(name)))


def test_records_of_a_run_have_every_key_of_their_types(page: Page) -> None:
    handle = page.make("network")["$handle"]
    page.call(handle, "addObserver", ["recording"])
    page.call(handle, "fit", CALLS["Network"]["fit"])
    number = page.recording["$handle"]
    for name, kind in (("getHistory", "LayerStats"), ("getTrainingHistory", "TrainingEvent")):
        records = page.call(number, name, [])
        assert records
        assert all(conforms(record, kind) for record in records)


def test_what_does_not_conform_is_noticed() -> None:
    assert conforms([1, 2.5, float("nan")], "list[float]")
    assert not conforms(True, "int")
    assert not conforms("1", "float | None")
    assert not conforms({"loss": 1.0}, "LossGradient")
    assert not conforms(np.zeros(2, np.float64), "Array")
