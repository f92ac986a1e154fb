"""The dashboard in a notebook: `from loom_py.widget import Dashboard`. It needs `pip install "loom-py[notebook]"`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from loom_py.errors import ConfigError, UnavailableError
from loom_py.observers.canvas import CanvasObserver
from loom_py.observers.formats.html import dashboard_script
from loom_py.observers.records.messages import Message
from loom_py.telemetry.observer import Observer

try:
    from anywidget import AnyWidget
except ImportError:
    raise UnavailableError.expected(
        "loom_py.widget", expected="anywidget", got="none", do='pip install "loom-py[notebook]"'
    ) from None

KEPT_BYTES = 16 * 2**20
"""Size of the messages that are kept for a notebook that is opened later."""


class Observed(Protocol):
    """What a dashboard shows: a network, or another source of statistics with observers."""

    def add_observer(self, observer: Observer) -> None:
        """Watch with one more observer."""

    def remove_observer(self, observer: Observer) -> None:
        """Stop watching with it."""


class Dashboard(AnyWidget):
    """The dashboard of a network as a cell's output, live while `fit` runs in the same or a later cell.

    Works in Jupyter, JupyterLite, VS Code, Colab and marimo, by anywidget.

    Attributes:
        observer: what collects the statistics; `watch_torch` takes it too.
    """

    _network: Observed | None = None  # also of a dashboard that could not be made, which Python closes as well

    def __init__(
        self,
        network: Observed | None = None,
        *,
        every: int = 1,
        budget: float | None = 0.05,
        layers: Iterable[str | int] | None = None,
    ) -> None:
        """Create the dashboard, as one more observer of the network.

        Args:
            network: the network; None for a dashboard whose `observer` is attached by hand.
            every: show layers at every N-th run of the network.
            budget: share of the running time that observation may take; None is no limit.
            layers: show these layer paths only; None is all.

        Raises:
            ConfigError: an option is out of range, or the network takes no observer.
            UnavailableError: the package was installed without the dashboard's script.
        """
        if network is not None and not hasattr(network, "add_observer"):
            raise ConfigError.expected(
                "network", expected="a loom_py.Network", got=type(network).__name__,
                do="for a PyTorch model pass the observer of Dashboard() to watch_torch",
            )  # fmt: skip
        self._log = _Log()
        self.observer = CanvasObserver(self._tell, every=every, budget=budget, layers=layers)
        self._esm = dashboard_script()  # anywidget reads it
        super().__init__()
        self._network = network
        self.on_msg(self._answer)
        if network is not None:
            network.add_observer(self.observer)

    def close(self) -> None:
        """Stop watching, and take the dashboard out of the notebook."""
        if self._network is not None:
            self._network.remove_observer(self.observer)
        if "observer" in vars(self):
            self.observer.close()
        super().close()

    def _tell(self, message: Message) -> None:
        self._send_one(self._log.add(message))

    def _send_one(self, numbered: Message) -> None:
        content = {name: value for name, value in numbered.items() if name != "data"}
        data = numbered.get("data")
        self.send(content, None if data is None else [data.tobytes()])

    def _answer(self, widget: Any, content: Any, buffers: Any) -> None:
        """A view that missed messages asks for them."""
        if isinstance(content, dict) and content.get("kind") == "history":
            before = content.get("before")
            for numbered in self._log:
                if before is None or numbered["number"] < before:
                    self._send_one(numbered)


class _Log:
    """Messages with their numbers, the newest within KEPT_BYTES, and always the latest structure."""

    def __init__(self) -> None:
        self._structure: list[Message] = []
        self._rest: deque[Message] = deque()
        self._bytes = self._count = 0

    def __iter__(self) -> Any:
        return iter([*self._structure, *self._rest])

    def add(self, message: Message) -> Message:
        """Keep a message; returns it with its number."""
        numbered = message | {"number": self._count}
        self._count += 1
        if message["kind"] == "blueprint":
            self._structure = [numbered]
            return numbered
        self._rest.append(numbered)
        self._bytes += _size(numbered)
        while self._bytes > KEPT_BYTES and len(self._rest) > 1:
            self._bytes -= _size(self._rest.popleft())
        return numbered


def _size(message: Message) -> int:
    return 500 + getattr(message.get("data"), "nbytes", 0)
