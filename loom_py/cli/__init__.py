"""The commands of `python -m loom_py`."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import Any

from loom_py.cli.terminal import accept_any_text, printable
from loom_py.errors import LoomError

COMMANDS = {
    "diagnose": ("cli.diagnose", "find faults of a recorded run"),
    "compare": ("cli.compare", "judge a recorded run by another one"),
    "html": ("cli.html", "write a recorded run as one HTML file, with its findings"),
    "typegen": ("cli.generate", "write the TypeScript declarations and every other generated file of the repository"),
    "docs": ("cli.generate", "write the Markdown reference"),
    "describe": ("cli.generate", "show the description as JSON"),
    "tables": ("cli.generate", "write the tables that a wheel carries: its description and its callable names"),
}
"""Module and purpose of each command. A module has `add_arguments(parser, command)` and `run(options)`."""
USAGE = 2
"""Exit status for a wrong command line and unusable input."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m loom_py", description="Tools for recordings and the repository.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if given[:1] == [name]:  # only the chosen command's module is imported
            _module(name).add_arguments(command, name)
    accept_any_text()
    options = parser.parse_args(given)
    try:
        status: int = _module(options.command).run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that flushing at exit has a place to write
        return USAGE
    except (LoomError, OSError) as error:
        print(printable(f"{parser.prog} {options.command}: {error}"), file=sys.stderr)
        return USAGE


def _module(command: str) -> Any:
    return import_module(f"loom_py.{COMMANDS[command][0]}")
