"""The WASM executor as a network uses it: devices, one call a run, timing, and what happens where it can't be had."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loom_py import Batch, Dense, Dropout, LayerNorm, Network, RecordingObserver, TrainingConfig, UnavailableError
from loom_py.executors import choose
from loom_py.executors.numpy import NumpyExecutor
from loom_py.executors.wasm import WasmExecutor, library
from loom_py.executors.wasm.opcodes import SIGNATURE
from loom_py.network import device as device_module
from loom_py.ops import Verb, cross_entropy_logits, matmul
from loom_py.program import Recorder
from loom_py.runtime import takes_wasm, wasm_heap_bytes
from loom_py.shapes import AnyArray
from tests.ops import machines

NAME, EXECUTOR = machines.wasm()
IN_PYODIDE = sys.platform == "emscripten"
RNG = np.random.default_rng(4)
X = RNG.normal(size=(64, 20)).astype(np.float32)
Y = RNG.integers(0, 4, 64)


@pytest.fixture(autouse=True)
def wasm_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """On CPython the device "wasm" is the same sources compiled natively."""
    if not IN_PYODIDE:
        known = {"wasm": EXECUTOR, "numpy": NumpyExecutor(), "auto": NumpyExecutor()}
        monkeypatch.setattr(device_module, "executor_for", lambda name: known[name])


def network() -> Network:
    layers = [Dense(20, 33, "tanh"), LayerNorm(33), Dropout(0.2), Dense(33, 17, "gelu"), Dense(17, 4)]
    return Network.of(20, layers, seed=3)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "lion"])
def test_losses_are_those_of_numpy(optimizer: str) -> None:
    config = TrainingConfig(epochs=5, batch_size=16, learning_rate=0.003, optimizer=optimizer, gradient_clip=1.0)
    runs = [network().to(device).fit(X, Y, config).loss_history for device in ("wasm", "numpy")]  # type: ignore[attr-defined]
    np.testing.assert_allclose(runs[0], runs[1], rtol=2e-4)


def test_a_network_moves_between_devices_with_all_it_has_learned() -> None:
    config = TrainingConfig(epochs=2, batch_size=16, learning_rate=0.01, optimizer="adam")
    stayed, moved = network(), network()
    stayed.to("wasm")
    for device in ("wasm", "numpy"):
        moved.to(device)  # type: ignore[arg-type]
        assert moved.device == device
        losses = stayed.fit(X, Y, config).loss_history, moved.fit(X, Y, config).loss_history
        np.testing.assert_allclose(*losses, rtol=1e-4)
    np.testing.assert_allclose(moved.forward(X), stayed.forward(X), atol=1e-4)
    assert moved.to("numpy").engine is moved.engine


def test_ten_thousand_steps_leave_memory_as_it_was() -> None:
    net = Network.of(8, [Dense(8, 16, "relu"), Dense(16, 2)], seed=0)
    net.to("wasm")
    batch = Batch(X[:8, :8], (X[:8, 0] > 0).astype(np.int32))

    def steps(count: int) -> int:
        trainer = net.trainer([batch], TrainingConfig(epochs=count, learning_rate=0.01))
        for _ in trainer.run():
            pass
        gc.collect()
        return len(gc.get_objects())

    steps(200)
    objects, heap = steps(200), wasm_heap_bytes()
    assert steps(10_000) <= objects + 50
    assert wasm_heap_bytes() == heap


def test_watched_steps_have_times_and_the_statistics_of_numpy() -> None:
    seen: list[list[Any]] = []
    for device in ("wasm", "numpy"):
        net = network()
        net.to(device)  # type: ignore[arg-type]
        recording = RecordingObserver()
        net.add_observer(recording)
        net.train([Batch(X, Y)] * 2, TrainingConfig(learning_rate=0.05))
        seen.append(recording.get_history() + recording.get_backward_history())
    assert len(seen[0]) == len(seen[1]) > 0
    for ours, wanted in zip(*seen, strict=True):
        assert (ours.path, ours.phase) == (wanted.path, wanted.phase)
        assert ours.compute_time_ns is not None and ours.compute_time_ns >= 0
        for field in ("output_min", "output_max", "output_mean", "output_std", "gradient_norm", "weight_norm"):
            a, b = getattr(ours, field), getattr(wanted, field)
            assert np.isclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True), field


def test_parts_of_a_step_run_by_themselves() -> None:
    results = []
    for device in ("wasm", "numpy"):
        net = network()
        net.to(device)  # type: ignore[arg-type]
        output = net.forward_cpu(X).output
        dx = net.backward_cpu(output - 1).input_gradient
        net.apply_gradients(0.1)
        assert dx is not None
        results.append((output, dx, net.parameters()["0.weight"]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def _power(out: AnyArray, x: AnyArray, *, power: float) -> None:
    np.power(x, power, out=out)


RAISED = Verb("raised", lambda x, *, power: x, _power, lambda ins, outs, attrs: 0)


def _mixed(executor: Any) -> Any:
    recorder = Recorder()
    x = recorder.input("x", (6, 6))
    with recorder.span("0", "forward"):
        y = matmul(x, x)
    with recorder.span("1", "forward"):
        y = RAISED(y, power=2.0)
    with recorder.span("2", "forward"):
        recorder.output("y", matmul(y, x))
    return executor.load(recorder.finish(), executor.allocate({}))


def test_a_verb_without_a_kernel_runs_by_numpy_in_between() -> None:
    loaded, plain = _mixed(EXECUTOR), _mixed(NumpyExecutor())
    assert loaded.uncovered == ["raised"]
    for program in (loaded, plain):
        program.write("x", X[:6, :6])
        program.run(timed=True)
    np.testing.assert_allclose(loaded.read("y"), plain.read("y"), rtol=1e-4)
    assert (loaded.times_ns >= 0).all() and loaded.times_ns[1] > 0


def test_other_types_are_left_to_numpy() -> None:
    recorder = Recorder(np.float64)
    x = recorder.input("x", (5, 5))
    recorder.output("y", matmul(x, x))
    loaded = EXECUTOR.load(recorder.finish(), EXECUTOR.allocate({}))
    loaded.write("x", X[:5, :5].astype(np.float64))
    loaded.run()
    assert loaded.uncovered == ["matmul"]
    np.testing.assert_array_equal(loaded.read("y"), X[:5, :5].astype(np.float64) @ X[:5, :5].astype(np.float64))


def test_labels_that_are_no_classes_give_no_number() -> None:
    """They are refused at the door; a kernel that met them all the same must not read beside the row."""
    recorder = Recorder()
    x, target = recorder.input("x", (2, 3)), recorder.input("target", (2,), np.int32)
    recorder.output("loss", cross_entropy_logits(x, target)[0])
    loaded = EXECUTOR.load(recorder.finish(), EXECUTOR.allocate({}))
    loaded.write("x", X[:2, :3])
    loaded.write("target", np.array([0, 7]))
    loaded.run()
    assert np.isnan(loaded.read("loss"))


# where it can't be had ---------------------------------------------------------------------------------------------


def _reason(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str:
    """What loading says when the host is another; "auto" must then be NumPy."""
    for name, value in changes.items():
        monkeypatch.setattr(library, name, value)
    monkeypatch.setattr(choose, "wasm_unavailable_reason", lambda: "no")
    assert choose.executor_for("auto").name == "numpy"
    with pytest.raises(UnavailableError) as error:
        library.load.__wrapped__()
    return str(error.value)


def test_plain_cpython_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Pyodide only" in _reason(monkeypatch, in_browser=lambda: False)


def test_an_engine_without_simd_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in library.MODULES:
        (tmp_path / f"{name}.wasm").write_bytes(b"\0asm")
    changes: dict[str, Any] = {"in_browser": lambda: True, "takes_wasm": lambda module: False, "FOLDER": tmp_path}
    assert "no WebAssembly SIMD" in _reason(monkeypatch, **changes)


def test_modules_that_are_missing_or_broken_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"in_browser": lambda: True, "takes_wasm": lambda module: True, "FOLDER": tmp_path}
    assert "missing from the package" in _reason(monkeypatch, **changes)
    for name in library.MODULES:
        (tmp_path / f"{name}.wasm").write_bytes(b"no module")
    assert "could not be loaded" in _reason(monkeypatch, **changes)


def test_kernels_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "SIGNATURE", SIGNATURE ^ 1)
    path = str(library.FOLDER / f"{EXECUTOR.library.name}.wasm") if IN_PYODIDE else machines.native_library()
    with pytest.raises(UnavailableError, match="others"):
        library.Library(path, "any")


@pytest.mark.skipif(not IN_PYODIDE, reason="asks the engine")
def test_a_probe_is_taken_where_the_module_is() -> None:
    for name, code in library.MODULES.items():
        assert takes_wasm(library.probe(code)) == takes_wasm((library.FOLDER / f"{name}.wasm").read_bytes())
    assert takes_wasm(library.probe(library.MODULES["simd"]))
    assert not takes_wasm(library.probe(b"\xfd\xff\x7f"))


@pytest.mark.skipif(not IN_PYODIDE, reason="the modules load in Pyodide")
def test_in_pyodide_it_is_the_one_that_auto_takes() -> None:
    assert choose.executor_for("auto") is choose.executor_for("wasm")
    assert network().device == "wasm"
    assert isinstance(choose.executor_for("wasm"), WasmExecutor)


def test_arrays_without_elements_are_left_to_numpy() -> None:
    recorder = Recorder()
    x = recorder.input("x", (0, 4))
    recorder.output("y", matmul(x, recorder.constant(np.ones((4, 2), np.float32))))
    loaded = EXECUTOR.load(recorder.finish(), EXECUTOR.allocate({}))
    loaded.run()
    assert loaded.uncovered == ["matmul"]
    assert loaded.read("y").shape == (0, 2)
