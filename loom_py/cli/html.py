"""`html`: a recorded run as one HTML file, with its findings."""

from __future__ import annotations

import argparse
from pathlib import Path

from loom_py.atomic_file import write_whole
from loom_py.cli.recordings import STDIN, read_recording
from loom_py.cli.terminal import printable
from loom_py.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Options of the command."""
    parser.add_argument("recording", help="a recording (JSON Lines), - for standard input")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the file (default: the recording's name with .html)")
    parser.add_argument("--title", help="heading of the page (default: the recording's name)")


def run(options: argparse.Namespace) -> int:
    """Write the file; returns the exit status."""
    source = Path(options.recording)
    if options.out is None and options.recording == STDIN:
        raise ConfigError.expected("--out", expected="a file", got="none", do="name one, since standard input has none")
    out = options.out or source.with_suffix(".html")
    if out == source:
        raise ConfigError.expected("--out", expected="another file than the recording", got=out)
    recording = read_recording(options.recording)
    title = options.title or (out if options.recording == STDIN else source).stem
    write_whole(out, [recording.to_html(title=title).encode()])
    print(printable(f"{out}: {out.stat().st_size / 1024:,.0f} KiB"))
    return 0
