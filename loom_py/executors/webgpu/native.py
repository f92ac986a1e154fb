"""The native host: plans on a GPU through wgpu, in CPython (`pip install loom-py[gpu]`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from loom_py.errors import DeviceLostError, LoomError, UnavailableError
from loom_py.executors.webgpu.host import Adapter
from loom_py.executors.webgpu.plan import ENABLE, PARAMETER_BYTES, Kernel, Plan
from loom_py.shapes import AnyArray

TIMESTAMPS, SUBGROUPS = "timestamp-query", "subgroups"
NATIVE_NAMES = {SUBGROUPS: "subgroup"}
"""wgpu's own names of WebGPU features."""
PREFERENCE = {"DiscreteGPU": 0, "IntegratedGPU": 1, "CPU": 3}


Method = TypeVar("Method", bound=Callable[..., Any])


def _guarded(method: Method) -> Method:
    """Errors of the native library as this package's; a lost device is recognised by its message."""

    @wraps(method)
    def guarded(self: NativeHost, *args: Any) -> Any:
        if self.lost is not None:
            raise DeviceLostError(self.lost)
        try:
            return method(self, *args)
        except self.errors as error:
            text = " ".join(str(error).split())
            if "device is lost" in text.lower():
                self.lost = text
                raise DeviceLostError(text) from error
            full = isinstance(error, self._wgpu.GPUOutOfMemoryError) or "not enough memory" in text.lower()
            raise (UnavailableError if full else LoomError)(f"{self.adapter.name} refused: {text}") from error

    return cast("Method", guarded)


@dataclass(slots=True)
class _LoadedPlan:
    plan: Plan
    pipelines: list[Any]
    group: Any
    params: Any


@dataclass(slots=True)
class _Report:
    """The report of a run in flight."""

    buffer: Any
    nbytes: int
    times: Any = None
    spans: Sequence[int] = ()
    count: int = 0


class NativeHost:
    """One device of wgpu."""

    def __init__(self, device: Any, adapter: Adapter) -> None:
        import wgpu

        self._wgpu = wgpu
        self.device, self.adapter = device, adapter
        self.lost: str | None = None
        self.errors = (wgpu.GPUError, RuntimeError)
        usage, stage = wgpu.BufferUsage, wgpu.ShaderStage.COMPUTE
        self._usage = usage
        self._layout = device.create_bind_group_layout(
            entries=[
                {"binding": 0, "visibility": stage, "buffer": {"type": "storage"}},
                {"binding": 1, "visibility": stage, "buffer": {"type": "uniform", "has_dynamic_offset": True}},
            ]
        )
        self._pipeline_layout = device.create_pipeline_layout(bind_group_layouts=[self._layout])
        self._pipelines: dict[Kernel, Any] = {}
        self._modules: dict[str, Any] = {}
        self._heap: Any = None
        self._plans: dict[int, _LoadedPlan] = {}
        self._reports: dict[int, _Report] = {}
        self._spare: dict[int, list[Any]] = {}
        self._next = 0
        self._runs = 0

    def counters(self) -> Mapping[str, int]:
        """Number of runs, and of objects on the device."""
        return {"runs": self._runs, "plans": len(self._plans), "pipelines": len(self._pipelines)}

    # memory --------------------------------------------------------------------------------------------------------

    @_guarded
    def resize(self, nbytes: int) -> None:
        before = self._heap
        usage = self._usage.STORAGE | self._usage.COPY_SRC | self._usage.COPY_DST
        self._heap = self.device.create_buffer(size=nbytes, usage=usage)
        if before is not None:
            encoder = self.device.create_command_encoder()
            encoder.copy_buffer_to_buffer(before, 0, self._heap, 0, before.size)
            self.device.queue.submit([encoder.finish()])
        for loaded in list(self._plans.values()):  # allocation may trigger garbage collection, which unloads plans
            loaded.group = self._bind(loaded.params)

    @_guarded
    def clear(self, offset: int, nbytes: int) -> None:
        encoder = self.device.create_command_encoder()
        encoder.clear_buffer(self._heap, offset, nbytes)
        self.device.queue.submit([encoder.finish()])

    @_guarded
    def write(self, offset: int, data: AnyArray) -> None:
        self.device.queue.write_buffer(self._heap, offset, data)

    @_guarded
    def read(self, offset: int, nbytes: int) -> AnyArray:
        return np.frombuffer(self.device.queue.read_buffer(self._heap, offset, nbytes), np.uint8)

    # plans ---------------------------------------------------------------------------------------------------------

    @_guarded
    def load(self, plan: Plan) -> int:
        params = self.device.create_buffer_with_data(
            data=plan.params if plan.params.size else np.zeros(PARAMETER_BYTES, np.uint8), usage=self._usage.UNIFORM
        )
        pipelines = [self._pipeline(kernel) for kernel in plan.kernels]
        self._next += 1
        self._plans[self._next] = _LoadedPlan(plan, pipelines, self._bind(params), params)
        return self._next

    def unload(self, loaded: int) -> None:
        self._plans.pop(loaded, None)

    def _bind(self, params: Any) -> Any:
        return self.device.create_bind_group(
            layout=self._layout,
            entries=[
                {"binding": 0, "resource": {"buffer": self._heap, "offset": 0, "size": self._heap.size}},
                {"binding": 1, "resource": {"buffer": params, "offset": 0, "size": PARAMETER_BYTES}},
            ],
        )

    def _pipeline(self, kernel: Kernel) -> Any:
        found = self._pipelines.get(kernel)
        if found is None:
            source = kernel.source.removeprefix(ENABLE)  # naga supports subgroups, but not the directive yet
            if source not in self._modules:
                self._modules[source] = self.device.create_shader_module(label=kernel.name, code=source)
            compute = {"module": self._modules[source], "entry_point": "main", "constants": dict(kernel.constants)}
            found = self.device.create_compute_pipeline(layout=self._pipeline_layout, compute=compute)
            self._pipelines[kernel] = found
        return found

    # running -------------------------------------------------------------------------------------------------------

    @_guarded
    def run(self, loaded: int, first: int, last: int, staged: AnyArray, fresh: int, timed: bool) -> int:
        known = self._plans[loaded]
        plan, queue = known.plan, self.device.queue
        for number, (offset, start, nbytes) in enumerate(plan.inputs.tolist()):
            if fresh >> number & 1 and nbytes:
                queue.write_buffer(self._heap, offset, staged, start, nbytes)
        encoder = self.device.create_command_encoder()
        report = _Report(None, plan.report_bytes)
        if timed and TIMESTAMPS in self.adapter.features:
            self._encode_timed(encoder, known, first, last, report)
        elif first < last:
            self._encode(encoder, known, first, last)
        if report.nbytes:
            report.buffer = self._staging(report.nbytes)
            end = 0
            for offset, nbytes in plan.report.tolist():
                encoder.copy_buffer_to_buffer(self._heap, offset, report.buffer, end, nbytes)
                end += nbytes
        queue.submit([encoder.finish()])
        self._runs += 1
        self._next += 1
        self._reports[self._next] = report
        return self._next

    def _encode(self, encoder: Any, known: _LoadedPlan, first: int, last: int, **options: Any) -> None:
        work = encoder.begin_compute_pass(**options)
        current = -1
        for number, (kernel, x, y, z) in enumerate(known.plan.dispatches[first:last].tolist(), first):
            if kernel != current:
                work.set_pipeline(known.pipelines[kernel])
                current = kernel
            work.set_bind_group(0, known.group, [number * PARAMETER_BYTES])
            work.dispatch_workgroups(x, y, z)
        work.end()

    def _encode_timed(self, encoder: Any, known: _LoadedPlan, first: int, last: int, report: _Report) -> None:
        """A compute pass for every span, with timestamps at its begin and end."""
        spans = known.plan.spans.tolist()
        chosen = [(n, max(a, first), min(b, last)) for n, (a, b) in enumerate(spans) if max(a, first) < min(b, last)]
        report.count = len(spans)
        if not chosen:
            return
        queries = self.device.create_query_set(type="timestamp", count=2 * len(chosen))
        for place, (_, begin, end) in enumerate(chosen):
            stamps = {
                "query_set": queries,
                "beginning_of_pass_write_index": 2 * place,
                "end_of_pass_write_index": 2 * place + 1,
            }
            self._encode(encoder, known, begin, end, timestamp_writes=stamps)
        usage = self._usage.QUERY_RESOLVE | self._usage.COPY_SRC
        report.times = self.device.create_buffer(size=16 * len(chosen), usage=usage)
        encoder.resolve_query_set(queries, 0, 2 * len(chosen), report.times, 0)
        report.spans = [number for number, _, _ in chosen]

    def _staging(self, nbytes: int) -> Any:
        spare = self._spare.get(nbytes)
        usage = self._usage.MAP_READ | self._usage.COPY_DST
        return spare.pop() if spare else self.device.create_buffer(size=nbytes, usage=usage)

    @_guarded
    def wait(self, ticket: int) -> tuple[AnyArray, AnyArray | None]:
        report = self._reports.pop(ticket)
        found: AnyArray = np.zeros(0, np.uint8)
        if report.buffer is not None:
            report.buffer.map_sync(self._wgpu.MapMode.READ)
            found = np.frombuffer(report.buffer.read_mapped(copy=True), np.uint8)
            report.buffer.unmap()
            self._give_back(report)
        if report.times is None:
            return found, None
        stamps = np.frombuffer(self.device.queue.read_buffer(report.times), np.uint64).astype(np.int64)
        times: AnyArray = np.zeros(report.count, np.int64)
        times[report.spans] = stamps[1::2] - stamps[::2]
        return found, times

    def forget(self, ticket: int) -> None:
        report = self._reports.pop(ticket, None)
        if report is not None:
            self._give_back(report)

    def _give_back(self, report: _Report) -> None:
        if report.buffer is not None:
            self._spare.setdefault(report.nbytes, []).append(report.buffer)


def native_host() -> NativeHost:
    """A device on the best adapter of this machine.

    Raises:
        UnavailableError: wgpu is not installed, or finds no adapter.
    """
    try:
        import wgpu
    except ImportError:
        raise UnavailableError("wgpu is not installed; do: pip install loom-py[gpu]") from None
    try:
        adapters = [a for a in wgpu.gpu.enumerate_adapters_sync() if a.info["backend_type"] != "OpenGL"]
        if not adapters:
            raise UnavailableError("wgpu found no driver of Vulkan, Metal or Direct3D 12")
        adapter = min(adapters, key=lambda a: PREFERENCE.get(a.info["adapter_type"], 2))
        limits = adapter.limits
        most = min(limits["max-storage-buffer-binding-size"], limits["max-buffer-size"])
        wanted = {"max-storage-buffer-binding-size": most, "max-buffer-size": most}
        names = {f: NATIVE_NAMES.get(f, f) for f in (TIMESTAMPS, SUBGROUPS)}
        features = frozenset(f for f, name in names.items() if name in adapter.features)
        asked = [names[f] for f in sorted(features)]
        device = adapter.request_device_sync(required_limits=wanted, required_features=asked)
    except UnavailableError:
        raise
    except Exception as error:  # wgpu raises types of its own
        raise UnavailableError(f"wgpu could not open a device: {error}") from error
    info = adapter.info
    return NativeHost(device, Adapter(info["device"], info["adapter_type"] == "CPU", int(most), features))
