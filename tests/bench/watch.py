"""A training step of PyTorch: as it is, with plain hooks that take five numbers of each module, and under watch_torch.

npm run bench -- watch [--json FILE]

PyTorch is in .venv-peers, which `npm run goldens -- --peers` makes. The variants take turns, one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-peers" / "bin" / "python"
ROUNDS, STEPS = 15, 20
Step = Callable[[], None]


def mlp(nn: Any) -> tuple[Any, tuple[int, ...]]:
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)), (784,)


def cnn(nn: Any) -> tuple[Any, tuple[int, ...]]:
    layers = [nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 11 * 11, 10)), (1, 28, 28)


def stepper(make: Callable[[Any], tuple[Any, tuple[int, ...]]]) -> tuple[Step, Any, Any]:
    """One step of Adam on a batch of 128, its model and its optimizer."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model, shape = make(nn)
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    x, y = torch.randn(128, *shape), torch.randint(0, 10, (128,))

    def step() -> None:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()

    return step, model, optimizer


@contextmanager
def plain_hooks(model: Any) -> Iterator[None]:
    """Minimum, maximum, mean, standard deviation and norm of outputs and of their gradients, as people write it."""
    seen: dict[Any, list[float]] = {}

    def numbers(tensor: Any) -> list[float]:
        return [float(f()) for f in (tensor.min, tensor.max, tensor.mean, tensor.std, tensor.norm)]

    def forward(module: Any, inputs: Any, output: Any) -> None:
        seen[module] = numbers(output.detach())
        output.register_hook(lambda gradient: seen[module].extend(numbers(gradient)))

    handles = [module.register_forward_hook(forward) for module in model]
    yield
    for handle in handles:
        handle.remove()


def measure(make: Callable[[Any], tuple[Any, tuple[int, ...]]]) -> dict[str, list[float]]:
    """Milliseconds of a step in each variant, a round each in turn."""
    import torch

    import loom_py as loom

    torch.set_num_threads(1)
    step, model, optimizer = stepper(make)

    def watched(every: int) -> Any:
        recording = loom.RecordingObserver(every=every, output_values=False)
        return loom.watch_torch(model, optimizer, recording)

    @contextmanager
    def bare() -> Iterator[None]:
        yield

    variants = {
        "torch": bare,
        "torch-plain-hooks": lambda: plain_hooks(model),
        "watch": lambda: watched(1),
        "watch-every-10": lambda: watched(10),
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(ROUNDS + 1):
        for name, variant in variants.items():
            with variant():
                start = perf_counter()
                for _ in range(STEPS):
                    step()
                taken = (perf_counter() - start) / STEPS * 1e3
            if number:  # the first round warms up
                times[name].append(taken)
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    target = parser.parse_args().json
    if find_spec("torch") is None:
        if not PEERS.exists():
            print("Not measured: PyTorch is in .venv-peers, which `npm run goldens -- --peers` makes.")
            Path(target or "/dev/null").write_text("[]")
            return
        sys.exit(subprocess.run([str(PEERS), *sys.argv], cwd=ROOT, check=False).returncode)
    rows = []
    for make in (mlp, cnn):
        times = measure(make)
        base = statistics.median(times["torch"])
        for name, taken in times.items():
            middle = statistics.median(taken)
            print(f"{make.__name__:4} {name:18} {middle:7.2f} ms  {middle / base:5.2f} of the step as it is")
            rows.append(
                {"case": make.__name__, "system": name, "median_ms": middle, "min_ms": min(taken), "runs": ROUNDS}
            )
    if target:
        Path(target).write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
