"""Measures neural tweening against backpropagation and writes the tables of docs/tweening.md.

`.venv/bin/python build/tween_report.py` prints them, `--write` replaces those of the page; `--seeds N` is the number of
networks behind each mean. Takes about half an hour.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from tween_runs import (
    COMBINATIONS,
    CONVOLUTION,
    DEEP,
    DIGITS,
    LOGITS,
    RECURRENT,
    SHALLOW,
    WAYS,
    Outcome,
    Part,
    best_rate,
    run,
)

from loom_py import Dense, Network, Softmax, TweenConfig, TweenTrainer, ops
from loom_py.layers import dense as dense_file

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tweening.md"
CHOOSING = (1000, 1001, 1002)
"""Seeds of the runs that choose the rates; none of them is reported."""


def against_backpropagation(seeds: int) -> Iterator[str]:
    """A table for each data set and network."""
    yield "| data | network | trained by | rate | test accuracy, % | test loss | epochs to learn |\n"
    yield "|---|---|---|---|---|---|---|\n"
    for data, net in COMBINATIONS:
        for way in WAYS:
            rate = best_rate(data, net, way, CHOOSING)
            outcomes = [run(data, net, way, rate, seed, report=True) for seed in range(seeds)]
            cells = [data.name, net.name, way.name, f"{rate:g}", *_figures(outcomes)]
            yield f"| {' | '.join(cells)} |\n"
            print(*cells, file=sys.stderr)


def _figures(outcomes: Sequence[Outcome]) -> list[str]:
    epochs = [outcome.epochs for outcome in outcomes]
    learned = f"{np.median(epochs):g}" if np.isfinite(np.median(epochs)) else "never"
    accuracy = _mean([100 * outcome.accuracy for outcome in outcomes], 1)
    return [accuracy, _mean([outcome.loss for outcome in outcomes], 3), learned]


def _mean(values: Sequence[float], digits: int) -> str:
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def times() -> Iterator[str]:
    """Time of a step relative to SGD's; methods take turns, and the fastest of many short rounds counts."""
    yield f"| network | {' | '.join(way.name for way in WAYS)} |\n|---|{'---|' * len(WAYS)}\n"
    for net in (SHALLOW, DEEP, CONVOLUTION, RECURRENT):
        part, best = DIGITS.split(0).training, dict.fromkeys(WAYS, math.inf)
        made = {way: net.make(DIGITS, 0) for way in WAYS}
        part = Part(part.x[:320].reshape(-1, *made[WAYS[0]].input_shape), part.y[:320])
        for _ in range(40):
            for way in WAYS:
                began = perf_counter()
                way.train(made[way], part, 1, 0.01)
                best[way] = min(best[way], perf_counter() - began)
        cells = [f"×{best[way] / best[WAYS[0]]:.1f}" for way in WAYS]
        yield f"| {net.name} | {' | '.join(cells)} |\n"


def views() -> Iterator[str]:
    """The views on digits, in the first and the last epoch."""
    yield "| network | mode | layer | link budget, first → last epoch | gap | depth barrier |\n"
    yield "|---|---|---|---|---|---|\n"
    for net in (SHALLOW, DEEP):
        for way in WAYS[2:]:
            rate = best_rate(DIGITS, net, way, CHOOSING[:1])
            made, part = net.make(DIGITS, 0), DIGITS.split(0).training
            trainer = TweenTrainer(made, TweenConfig(mode=way.mode, learning_rate=rate))
            trainer.fit(part.x, part.y, epochs=DIGITS.epochs)
            history = trainer.get_history()
            a_epoch = len(history) // DIGITS.epochs
            for i, layer in enumerate(made.get_blueprint().layers):
                cells = []
                for name, form in (("link_budget", ".4f"), ("gap", ".2g"), ("depth_barrier", ".4f")):
                    values = [getattr(step.views[i], name) for step in history]
                    ends = np.mean(values[:a_epoch]), np.mean(values[-a_epoch:])
                    cells.append(" → ".join(f"{end:{form}}" for end in ends))
                yield f"| {net.name} | {way.mode} | {layer.path} {layer.type} | {' | '.join(cells)} |\n"


def guard(seeds: int) -> Iterator[str]:
    """Chain mode without a Softmax, where the signal is not bounded, with and without explosion detection."""
    yield "| rate | test accuracy with explosion detection, % | without, % | exploding steps, % |\n"
    yield "|---|---|---|---|\n"
    for rate in (0.3, 1.0, 3.0, 10.0, 30.0):
        found: dict[bool, list[float]] = {True: [], False: []}
        exploding = []
        for seed in range(seeds):
            for detects, accuracies in found.items():
                split, net = DIGITS.split(seed), LOGITS.make(DIGITS, seed)
                trainer = TweenTrainer(net, TweenConfig(learning_rate=rate, explosion_detection=detects))
                trainer.fit(split.training.x, split.training.y, epochs=DIGITS.epochs)
                accuracies.append(100 * float(net.evaluate(split.test.x, split.test.y).accuracy or 0))
                if detects:
                    exploding.append(100 * np.mean([step.exploding for step in trainer.get_history()]))
        yield f"| {rate:g} | {_mean(found[True], 1)} | {_mean(found[False], 1)} | {np.mean(exploding):.0f} |\n"


def floor(seeds: int) -> Iterator[str]:
    """Effect of a lower bound on the slopes of saturating functions: f' + floor instead of f'."""
    floors = (0.0, 0.01, 0.1)
    yield f"| network | {' | '.join(f'floor {value:g}' for value in floors)} |\n|---|{'---|' * len(floors)}\n"
    plain = dense_file.activate_backward
    for hidden in (1, 3, 6):
        for function in ("tanh", "sigmoid"):
            cells = []
            for value in floors:

                def lifted(dy: Any, kept: Any, name: Any, value: float = value) -> Any:
                    slope = plain(dy, kept, name)
                    return slope if name == "linear" or not value else ops.add(slope, ops.multiply(dy, value))

                dense_file.activate_backward = lifted
                try:
                    cells.append(_mean([_floored(hidden, function, seed) for seed in range(seeds)], 1))
                finally:
                    dense_file.activate_backward = plain
            yield f"| {hidden} × 32 {function} | {' | '.join(cells)} |\n"


def _floored(hidden: int, function: Any, seed: int) -> float:
    split = DIGITS.split(seed)
    inner = [Dense(64 if i == 0 else 32, 32, function) for i in range(hidden)]
    net = Network.of(64, [*inner, Dense(32, 10), Softmax()], seed=seed)
    TweenTrainer(net, TweenConfig(learning_rate=3.0)).fit(split.training.x, split.training.y, epochs=10)
    return 100 * float(net.evaluate(split.test.x, split.test.y).accuracy or 0)


def replaced(page: str, name: str, table: str) -> str:
    """The page with the table between its markers; each table has a name."""
    begin, end = f"<!-- measured: {name} -->\n", "<!-- end -->"
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        sys.exit(f"{PAGE}: expected the markers {begin.strip()} and {end}; do: put them where the table goes")
    return f"{head}{begin}{table}{end}{tail}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="number of networks behind each mean")
    parser.add_argument("--only", choices=("backpropagation", "times", "views", "guard", "floor"), help="one table")
    parser.add_argument("--write", action="store_true", help="replace the tables of docs/tweening.md")
    options = parser.parse_args()
    tables = {
        "backpropagation": lambda: against_backpropagation(options.seeds),
        "times": times,
        "views": views,
        "guard": lambda: guard(options.seeds),
        "floor": lambda: floor(options.seeds),
    }
    for name in [options.only] if options.only else list(tables):
        table = "".join(tables[name]())
        print(table)
        if options.write:
            PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), name, table), encoding="utf-8")


if __name__ == "__main__":
    main()
