"""The browser's host: plans on a GPU of the page, through JavaScript that Python calls once a run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from loom_py.executors.webgpu.host import Adapter
from loom_py.executors.webgpu.plan import Plan
from loom_py.runtime.gpu import PageGpu, give_back, lend
from loom_py.shapes import AnyArray


class BrowserHost:
    """The device that the page opened."""

    def __init__(self, gpu: PageGpu) -> None:
        facts = gpu.facts
        self.adapter = Adapter(facts["name"], facts["software"], int(facts["mostBytes"]), frozenset(facts["features"]))
        self._gpu = gpu
        self._staged: dict[int, tuple[AnyArray, object]] = {}  # by plan: the array lent to JavaScript, and its proxy
        self.resize, self.clear, self.write, self.read = gpu.resize, gpu.clear, gpu.write, gpu.read
        self.forget, self.wait, self.wait_async, self.read_async = (
            gpu.forget,
            gpu.report,
            gpu.report_async,
            gpu.read_async,
        )

    @property
    def lost(self) -> str | None:
        """Why the device is lost; None while it is available."""
        return self._gpu.lost

    def counters(self) -> Mapping[str, int]:
        """Number of runs, and of objects on the device."""
        return self._gpu.counters()

    def load(self, plan: Plan) -> int:
        kernels = [{"name": k.name, "source": k.source, "constants": dict(k.constants)} for k in plan.kernels]
        arrays = {
            name: memoryview(getattr(plan, name)) for name in ("dispatches", "params", "inputs", "report", "spans")
        }
        return self._gpu.load({"kernels": kernels, **arrays})

    def unload(self, loaded: int) -> None:
        _, lent = self._staged.pop(loaded, (None, None))
        if lent is not None:
            give_back(lent)
        self._gpu.unload(loaded)

    def run(self, loaded: int, first: int, last: int, staged: AnyArray, fresh: int, timed: bool) -> int:
        array, lent = self._staged.get(loaded, (None, None))
        if array is not staged:
            if lent is not None:
                give_back(lent)
            lent = lend(staged)
            self._staged[loaded] = staged, lent
        return self._gpu.run(loaded, first, last, lent, fresh, timed)


@cache
def browser_host() -> BrowserHost:
    """The device of this page.

    Raises:
        UnavailableError: the page has no GPU that Python can use; the text says why.
    """
    return BrowserHost(PageGpu())
