"""Commands that write what follows from the package: `typegen`, `docs`, `describe` and `tables`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import loom_py
from loom_py import introspect, layers
from loom_py.introspect.described_cache import FILE as DESCRIBED
from loom_py.introspect.description import describe_now
from loom_py.introspect.generated import (
    DECLARATIONS,
    LAYER_NAMES,
    REFERENCE,
    STATISTICS,
    as_text,
    difference,
    generated_files,
    write,
)
from loom_py.introspect.stubs import layer_names, stub
from loom_py.introspect.typescript.statistics import statistics_module
from loom_py.layers import REGISTRY
from loom_py.session.package import all_tables
from loom_py.session.surface_cache import FILE as SURFACE
from loom_py.telemetry.statistics import LAYER_STATISTICS

ROOT = Path(loom_py.__file__).parent.parent


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Options of a command."""
    if command == "tables":
        parser.add_argument("--out", type=Path, required=True, help="folder to write them below")
        return
    parser.add_argument("--out", type=Path, help="write this one file instead")
    if command != "describe":
        parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is stale")


def run(options: argparse.Namespace) -> int:
    """Run a command; returns the exit status."""
    if options.command == "typegen" and not (options.out or options.check) and _write_layer_names():
        # This process imported the old table.
        return subprocess.run([sys.executable, "-m", loom_py.__name__, "typegen"], cwd=ROOT, check=False).returncode
    description = describe_now(loom_py)
    if options.command == "describe":
        return _put({options.out: as_text(description)}) if options.out else _show(as_text(description))
    if options.command == "tables":
        return _put({options.out / name: text for name, text in _tables(description).items()})
    files = generated_files(description)
    chosen = {"typegen": DECLARATIONS, "docs": REFERENCE}[options.command]
    if options.out:
        wanted = {options.out: files[chosen]}
    elif options.command == "docs":
        wanted = {ROOT / chosen: files[chosen]}
    else:
        # The types' sources and what else follows from them go together: one command makes all of it fresh.
        wanted = {ROOT / name: text for name, text in (files | _tables_of_names()).items()}
    return _check(wanted) if options.check else _put(wanted)


def _layer_names() -> str:
    return layer_names(REGISTRY, layers.__name__)


def _write_layer_names() -> bool:
    return write(ROOT / LAYER_NAMES, _layer_names())


def _tables_of_names() -> dict[str, str]:
    """Texts of the generated files that list layers, public names and statistics, by path."""
    packages = (loom_py, introspect, layers)
    stubs = {f"{package.__name__.replace('.', '/')}/__init__.pyi": stub(package) for package in packages}
    return {LAYER_NAMES: _layer_names(), STATISTICS: statistics_module(LAYER_STATISTICS), **stubs}


def _tables(description: Mapping[str, Any]) -> dict[str, str]:
    """The tables that a wheel has in addition to the source, by path below its root."""
    made = {DESCRIBED: description, SURFACE: all_tables(description)}
    return {path.relative_to(ROOT).as_posix(): as_text(data) for path, data in made.items()}


def _show(text: str) -> int:
    sys.stdout.write(text)
    return 0


def _put(files: dict[Path, str]) -> int:
    for path, text in files.items():
        print(f"{path}: {'written' if write(path, text) else 'is fresh'}")
    return 0


def _check(files: dict[Path, str]) -> int:
    stale = {path: found for path, text in files.items() if (found := difference(path, text))}
    for found in stale.values():
        print(found)
    if stale:
        print(f"{len(stale)} generated file(s) are stale; run `python -m loom_py typegen` and commit what it writes")
    return 1 if stale else 0
