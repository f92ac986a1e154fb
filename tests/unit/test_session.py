"""Session: only public names, plain data both ways, objects by handle; a refused call changes nothing."""

import gc
import inspect
import weakref
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

import loom_py
from loom_py.errors import ConfigError, DataError, LoomError, NotPublicError, ShapeError, StateError
from loom_py.introspect import pascal
from loom_py.introspect.markers import starter_of
from loom_py.session import Session
from loom_py.session.package import open_session

CONFIG = {
    "input_shape": [2],
    "seed": 5,
    "layers": [
        {"type": "Dense", "inputs": 2, "outputs": 4, "activation": "relu"},
        {"type": "Dense", "inputs": 4, "outputs": 3},
    ],
}


@pytest.fixture(scope="module")
def surface() -> Session:
    return open_session()


@pytest.fixture
def session(surface: Session) -> Session:
    assert surface.alive == 0
    return surface


@pytest.fixture
def net(session: Session):
    number = session.call(0, "network", [CONFIG])["$handle"]
    yield number
    session.dispose(number)


def test_objects_are_handles_and_are_freed(session):
    reference = session.call(0, "network", [CONFIG])
    assert reference["class"] == "Network"
    assert session.alive == 1
    alive = weakref.ref(session.object(reference["$handle"]))
    session.dispose(reference["$handle"])
    session.dispose(reference["$handle"])
    gc.collect()
    assert session.alive == 0
    assert alive() is None
    with pytest.raises(StateError, match="disposed"):
        session.call(reference["$handle"], "forward", [[1, 2]])


def test_an_object_keeps_its_number(session):
    recording = session.call(0, "recordingObserver")
    assert session.encode(session.object(recording["$handle"])) == recording
    assert session.alive == 1
    session.dispose(recording["$handle"])


def test_the_other_side_lets_go_only_of_the_references_it_has_seen(session):
    first = session.call(0, "recordingObserver")
    session.encode(session.object(first["$handle"]))
    assert not session.handles.release(first["$handle"], 1)
    assert session.handles.release(first["$handle"], 1)
    session.dispose(first["$handle"])


@pytest.mark.parametrize("name", ["forward_cpu", "forwardCPU", "ForwardCPU"])
def test_all_three_spellings_mean_the_same(session, net, name):
    result = session.call(net, name, [[0.5, 1]])
    assert result.keys() == {"output", "duration_ns"}
    assert result["output"].shape == (3,)


@pytest.mark.parametrize(
    "name", ["_assemble", "__init__", "__dict__", "dispatcher", "seed", "gone", "", None, 3, ["a"]]
)
def test_names_that_are_not_listed_are_refused(session, net, name):
    with pytest.raises(NotPublicError, match="public name of Network"):
        session.call(net, name)
    with pytest.raises(NotPublicError, match="public name of the library"):
        session.call(0, name)


def test_modules_and_errors_can_not_be_called(session):
    for name in ("errors", "LoomError", "Dense", "open_session", "TrainingConfig"):
        with pytest.raises(NotPublicError):
            session.call(0, name)


def test_every_listed_name_exists(session):
    table = session.surface.table()
    for name, entries in table["classes"].items():
        cls = getattr(loom_py, name)
        for entry in entries.values():
            assert entry["kind"] == "stream" or hasattr(cls, entry["method"]), (name, entry)
    for entry in table["library"].values():
        assert any(callable(getattr(loom_py, name, None)) for name in (entry["method"], pascal(entry["method"])))


@pytest.mark.parametrize(
    "config", [3, None, "net", [], {}, {"input_shape": [2]}, {**CONFIG, "layers": [{"type": "X"}]}]
)
def test_a_bad_config_is_refused_and_leaves_nothing(session, config):
    with pytest.raises(LoomError, match="expected"):
        session.call(0, "network", [config])
    assert session.alive == 0


def test_arrays_come_as_lists_and_with_their_shape(session, net):
    flat = {"data": np.array([1, 2, 3, 4], np.float32), "shape": [2, 2]}
    nested = session.call(net, "forward", [[[1, 2], [3, 4]]])
    assert session.call(net, "forward", [flat]).tolist() == nested.tolist()
    with pytest.raises(ShapeError, match="expected 6 elements for shape 3×2, got 4"):
        session.call(net, "forward", [{**flat, "shape": [3, 2]}])
    with pytest.raises(ShapeError, match="whole numbers"):
        session.call(net, "forward", [{**flat, "shape": [-2, -2]}])
    assert session.call(net, "forward", [{**flat, "shape": np.array([2, 2])}]).tolist() == nested.tolist()
    with pytest.raises(DataError, match="data of an array: expected numbers"):
        session.call(net, "forward", [{"data": [1, [2]], "shape": [2]}])


def test_arguments_are_checked_by_name(session, net):
    with pytest.raises(ConfigError, match=r"Network.forward: missing a required argument: 'x'"):
        session.call(net, "forward")
    with pytest.raises(ConfigError, match="loud"):
        session.call(net, "forward", [[1, 2]], {"loud": True})


def test_dicts_become_what_the_annotations_name(session, net):
    batches = [{"input": [[0, 1], [1, 0]], "target": [0, 2]}]
    config = {"learning_rate": 1, "optimizer": {"type": "SGD", "momentum": 0.9}, "schedule": {"type": "Constant"}}
    assert session.call(net, "train", [batches, config])["steps"] == 1
    with pytest.raises(ConfigError, match=r"TrainingConfig: expected keys epochs.* got learn_rate"):
        session.call(net, "train", [batches, {"learn_rate": 1}])
    with pytest.raises(ConfigError, match=r"of Optimizer: expected Adam or .*, got 'Adm'"):
        session.call(net, "train", [batches, {"optimizer": {"type": "Adm"}}])
    with pytest.raises(ConfigError, match=r"SGD.momentum: expected a number 0 to below 1, got 2"):
        session.call(net, "setOptimizer", [{"type": "SGD", "momentum": 2}])
    with pytest.raises(ConfigError, match=r"SGD: expected keys momentum, .* got momentun"):
        session.call(net, "setOptimizer", [{"type": "SGD", "momentun": 0.5}])
    with pytest.raises(ConfigError, match="Batch: expected the key target, got input"):
        session.call(net, "train", [[{"input": [[0, 1]]}]])


def test_bytes_are_marked_and_are_no_array_of_numbers(session, net):
    saved = session.call(net, "modelBytes")
    again = session.call(0, "loadModel", [{"$bytes": np.frombuffer(saved, np.uint8)}])["$handle"]
    assert session.call(again, "toConfig") == session.call(net, "toConfig")
    session.dispose(again)
    for value in ({"$bytes": np.zeros(2, np.uint8)}, {"$bytes": "ab"}):
        with pytest.raises(DataError, match=r"expected (numbers|bytes)"):
            session.call(net, "forward", [value])


def test_what_becomes_bytes_is_declared(session, net):
    """Whatever NumPy makes of ArrayLike: in some versions bytes are among its members."""
    raw = np.arange(6, dtype=np.uint8)

    def either(source: "str | bytes", x: "ArrayLike", both: "bytes | ArrayLike", *, rows: "NDArray[Any] | None"):
        return source, x, both, rows

    source, x, both, rows = session.invoke("either", either, [raw, raw, raw], {"rows": raw})
    assert source == raw.tobytes()
    assert x is both is rows is raw


@pytest.mark.parametrize(
    ("method", "args", "options", "words"),
    [
        ("forward", ["ab"], {}, r"Network.forward: x: expected numbers in an array or nested lists, got 'ab'"),
        ("forward", [[[1, 2], [3]]], {}, r"Network.forward: x: expected rows of one length"),
        ("forwardCPU", [[1, 2]], {"training": []}, r"training: expected true or false, got list"),
        ("setLayer", [0, 0.5, 0, {"type": "Softmax"}], {}, r"expected a whole number, got 0.5"),
        ("setOptimizer", [["adam"]], {}, r"expected .*, got"),
        ("observe", [], {"every": "2"}, r"observe: every: expected"),
        ("setParameters", [{"0.weight": [[1, 2], [3]]}], {}, r"0.weight: expected rows of one length"),
        ("fit", [[[1, 2]], [0], [3]], {}, r"fit: config: expected a dict of TrainingConfig or nothing, got list"),
        ("fit", [[[1, 2]], [0], {"": 1}], {}, r'TrainingConfig: expected keys .*, got ""'),
        ("fit", [[[1, 2]], [0], {"validation": [[[1], [2, 3]], [0]]}], {}, r"validation\[0\]: expected rows of one"),
    ],
)
def test_arguments_have_the_declared_types(session, net, method, args, options, words):
    with pytest.raises(LoomError, match=words):
        if method == "observe":
            session.invoke(method, loom_py.CanvasObserver, [print], options)
        else:
            session.call(net, method, args, options)


def test_numbers_of_numpy_are_numbers(session, net):
    with_numpy = session.call(net, "forward", [[np.float32(1), 2]])
    assert with_numpy.tolist() == session.call(net, "forward", [[1, 2]]).tolist()
    session.call(net, "forward", [[1, 2]], {"mask": None})
    assert session.call(0, "recordingObserver", [], {"every": np.int64(2)})["class"] == "RecordingObserver"
    session.dispose(max(session.handles._objects))


def test_an_object_of_another_session_is_refused(session, net):
    other = open_session()
    recording = other.call(0, "recordingObserver")
    with pytest.raises(StateError, match="of another session"):
        session.call(net, "addObserver", [recording])
    with pytest.raises(StateError, match="of another session"):
        session.call(recording["$handle"], "getHistory")
    for number in (True, "1", [1], None):
        with pytest.raises(DataError, match="expected a whole number"):
            session.call(net, "addObserver", [{"$handle": number}])


def nested(levels: int) -> list:
    value: list = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_depth_is_limited_in_both_directions(session):
    assert session.encode(nested(200)) == nested(200)
    assert session.invoke("echo", lambda given: given, [nested(100)], {}) == nested(100)
    with pytest.raises(DataError, match="result: expected at most 200 levels of nesting, got more"):
        session.encode(nested(201))
    for deep in (nested(101), {"a": nested(100)}):
        with pytest.raises(DataError, match="argument: expected at most 100 levels of nesting, got more"):
            session.call(0, "network", [deep])
    endless: list = []
    endless += [endless, endless]
    with pytest.raises(DataError, match="200 levels"):
        session.encode(endless)


def test_the_deepest_network_that_can_be_given_can_be_described(session):
    layer: dict = {"type": "Softmax"}
    for _ in range(48):
        layer = {"type": "Residual", "layers": [layer]}
    deep = session.call(0, "network", [{"input_shape": [2], "layers": [layer]}])["$handle"]
    again = session.call(0, "network", [session.call(deep, "toConfig")])["$handle"]
    assert session.call(again, "getBlueprint") == session.call(deep, "getBlueprint")
    session.dispose(deep)
    session.dispose(again)


def test_layers_cross_as_configs(session, net):
    session.call(net, "setLayer", [0, 0, 1, {"type": "Dense", "inputs": 4, "outputs": 7}])
    assert session.call(net, "forward", [[1, 2]]).shape == (7,)
    with pytest.raises(ConfigError, match="Densest"):
        session.call(net, "setLayer", [0, 0, 1, {"type": "Densest"}])


def test_a_refused_call_changes_nothing(session, net):
    before = session.call(net, "parameters")
    with pytest.raises(ShapeError):
        session.call(net, "fit", [[[1, 2, 3]], [0]])
    with pytest.raises(LoomError):
        session.call(net, "setParameters", [{"0.weight": [[1, 2]]}])
    after = session.call(net, "parameters")
    assert {key: value.tolist() for key, value in after.items()} == {k: v.tolist() for k, v in before.items()}


def test_records_become_dicts_and_nan_stays(session):
    result = session.call(0, "mseLossGrad", [[[float("nan"), 1.0]], [[0, 1]]])
    assert np.isnan(result["loss"])
    assert np.isnan(result["grad"][0, 0])


def test_a_record_crosses_by_its_fields_with_nan_as_a_number(session):
    metrics = session.call(0, "deviationMetrics")
    session.call(metrics["$handle"], "update", [[float("nan")], [1.0], "broken"])
    (worst,) = session.call(metrics["$handle"], "getWorstSamples", [1])
    assert worst.keys() == {"sample_id", "deviation", "expected", "predicted"}
    assert np.isnan(worst["deviation"]) and np.isnan(worst["predicted"][0])
    session.dispose(metrics["$handle"])


def test_observers_are_given_by_handle(session, net):
    recording = session.call(0, "recordingObserver", [], {"every": 1})
    session.call(net, "addObserver", [recording])
    session.call(net, "forward", [[1, 2]])
    history = session.call(recording["$handle"], "getHistory")
    assert [record["path"] for record in history] == ["0", "1"]
    assert isinstance(history[0]["output_mean"], float)
    session.dispose(recording["$handle"])


def test_what_is_no_plain_data_does_not_cross(session):
    with pytest.raises(DataError, match="got a object"):
        session.encode(object())


LONG = {("Network", "train"), ("Network", "fit"), ("TweenTrainer", "fit")}


def test_long_calls_are_those_marked_at_their_methods(session):
    classes = session.surface.table()["classes"]
    entries = ((owner, entry) for owner, members in classes.items() for entry in members.values())
    assert {(owner, entry["method"]) for owner, entry in entries if entry["kind"] == "long"} == LONG


@pytest.mark.parametrize(("owner", "method"), sorted(LONG))
def test_a_long_call_in_steps_takes_what_its_method_takes(owner, method):
    """The run behind a long call is started by a method of its own: its parameters must not drift away."""
    cls = getattr(loom_py, owner)
    in_steps = inspect.signature(getattr(cls, starter_of(cls, method))).parameters.values()
    at_once = inspect.signature(getattr(cls, method)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in in_steps] == [(p.name, p.kind, p.default) for p in at_once]
