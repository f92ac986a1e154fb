"""The network without training: structure, running, telemetry and observers."""

from __future__ import annotations

from typing import Literal

from loom_py.engine.inputs import Feed
from loom_py.errors import ConfigError, UnavailableError
from loom_py.executors.choose import executor_for
from loom_py.network.report import Telemetry, layer_telemetry, measure_memory, total_bytes
from loom_py.network.running import Running
from loom_py.runtime import wasm_heap_bytes
from loom_py.telemetry.events import LayerStats, Observer
from loom_py.telemetry.instrument import Moment, Watch

Device = Literal["auto", "numpy", "wasm", "webgpu"]


class NetworkCore(Running):
    """Structure, running, telemetry and observers; `Network` adds training and files to it."""

    def to(self, device: Device) -> NetworkCore:
        """Choose where to run; returns the network. What was trained stays; a forward pass by hand is forgotten.

        Args:
            device: "auto" takes the fastest there is: "wasm" inside Pyodide where its kernels load, else "numpy"; where
                there is a GPU, the first training step tries whether "webgpu" is faster for this network.

        Raises:
            ConfigError: unknown device. UnavailableError: it is not there; the text says why.
        """
        if device not in ("auto", "numpy", "wasm", "webgpu"):
            raise ConfigError.expected("device", expected="auto or numpy or wasm or webgpu", got=repr(device))
        if device == "webgpu" and self.gpu_unavailable_reason:
            raise UnavailableError(f"device webgpu: {self.gpu_unavailable_reason}")
        self._move_to(executor_for(device))
        self._undecided = device == "auto"
        self._device_reason = f"{device} was asked for"
        return self

    @property
    def device(self) -> str:
        """Name of the executor in use."""
        return (self._executor if self._engine is None else self._engine.executor).name

    @property
    def device_reason(self) -> str:
        """Why it is this device: it was asked for, what was measured, or what became of another."""
        moved = self._engine is not None and self._engine.executor is not self._executor
        return f"{self._executor.name} had to be left" if moved else self._device_reason

    def get_telemetry(self) -> Telemetry:
        """Memory and the state of every layer now.

        Activation figures are those of the last input, run again with the weights of now; None before the first input.
        """
        engine = self.engine
        outputs: list[LayerStats] = []
        if self._last_input is not None:
            last = Feed(self._last_input.x, mask=self._last_input.mask)
            ready = engine.inference(last.form, Watch())
            engine.write_feed(ready.loaded, last)
            with engine.buffers_kept():
                ready.loaded.run()
            outputs = engine.layer_stats(ready, Moment(engine.steps), 0, ("forward",))
        held = sum(int(getattr(o, "memory_bytes", 0)) for o in self.dispatcher.observers)
        memory = measure_memory(engine, held, wasm_heap_bytes())
        return Telemetry(
            memory_usage=total_bytes(memory),
            memory=memory,
            layer_stats=layer_telemetry(engine, outputs, self._update_ratios.all()),
        )

    def set_observer(self, observer: Observer | None) -> None:
        """Watch the network with this observer alone; None: with none."""
        self.dispatcher.observers = []
        if observer is not None:
            self.add_observer(observer)

    def add_observer(self, observer: Observer) -> None:
        """Watch the network with one more observer; adding one twice has no effect.

        Raises:
            ConfigError: it is no Observer.
        """
        if not isinstance(observer, Observer):
            raise ConfigError.expected("observer", expected="a loom_py.Observer", got=repr(observer))
        if not any(o is observer for o in self.dispatcher.observers):
            self.dispatcher.observers = [*self.dispatcher.observers, observer]
            self.dispatcher.attached(observer, self.get_blueprint(), self.to_config())

    def remove_observer(self, observer: Observer) -> None:
        """Stop watching with this observer; no effect when it does not watch."""
        self.dispatcher.observers = [o for o in self.dispatcher.observers if o is not observer]
