"""`python -m tests.golden.make [--check]`: write every golden file, or compare a fresh computation with the files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain

import torch

from . import (  # noqa: F401  (they register references)
    attention,
    cases_feedforward,
    cases_norms,
    cases_sequences,
    combinators,
    feedforward,
    losses,
    norms,
    optimizers,
    recurrent,
    schedules,
    softmaxes,
    text,
    torch_files,
)
from .case import record
from .files import DATA, Entry, differences, write


def layers() -> Iterator[tuple[str, list[Entry]]]:
    groups: dict[str, list[Entry]] = {}
    for case in chain(cases_feedforward.cases(), cases_norms.cases(), cases_sequences.cases()):
        groups.setdefault(case.layer["type"], []).append(record(case))
    yield from groups.items()


def subjects() -> Iterator[tuple[str, list[Entry]]]:
    yield from layers()
    yield "losses", losses.entries()
    yield "optimizers", optimizers.entries()
    yield "schedules", schedules.entries()
    yield "text", text.entries()
    yield "torch_files", torch_files.entries()


def main(arguments: list[str]) -> int:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    made = list(subjects())
    if arguments == ["--check"]:
        found = [line for subject, entries in made for line in differences(subject, entries)]
        print("\n".join(found) or f"{len(made)} golden files are as PyTorch {torch.__version__} computes them")
        return 1 if found else 0
    for subject, entries in made:
        write(subject, entries)
    size = sum(path.stat().st_size for path in DATA.glob("*.npz"))
    print(f"{sum(len(entries) for _, entries in made)} cases in {len(made)} files, {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
