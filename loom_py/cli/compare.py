"""`compare`: a recorded run judged by an earlier one."""

from __future__ import annotations

import argparse
import json
import math
from typing import get_args

from loom_py.cli.diagnose import described
from loom_py.cli.recordings import read_recording
from loom_py.cli.terminal import printable
from loom_py.diagnose.baseline import BaselineComparison, compare_to_baseline
from loom_py.diagnose.finding import Severity
from loom_py.diagnose.sarif import finding_data
from loom_py.observers.records.json_values import plain_data


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Options of the command."""
    parser.add_argument("baseline", help="recording of the earlier run")
    parser.add_argument("candidate", help="recording of the run to judge")
    text = "share by which losses may be higher, improvement lower (default: 0.05)"
    parser.add_argument("--tolerance", type=share, default=0.05, help=text)
    text = "share by which the baseline's floor may be reached later (default: 0.5)"
    parser.add_argument("--speed-tolerance", type=share, default=0.5, help=text)
    text = "least severity of a new finding that makes the run worse (default: warning)"
    parser.add_argument("--fail-on", choices=get_args(Severity), default="warning", help=text)
    parser.add_argument("--json", action="store_true", help="show the comparison as JSON")
    parser.epilog = "Exit status: 0 no worse than the baseline, 1 worse, 2 unusable input."


def run(options: argparse.Namespace) -> int:
    """Compare two recordings; returns the exit status."""
    found = compare_to_baseline(
        read_recording(options.baseline),
        read_recording(options.candidate),
        tolerance=options.tolerance,
        speed_tolerance=options.speed_tolerance,
        fail_on=options.fail_on,
    )
    print(_as_json(found) if options.json else "\n".join(_lines(found)))
    return int(found.worse)


def _as_json(found: BaselineComparison) -> str:
    data = {
        "worse": found.worse,
        "measures": plain_data(found.measures),
        "new_findings": [finding_data(finding) for finding in found.new_findings],
        "gone_findings": [finding_data(finding) for finding in found.gone_findings],
    }
    return json.dumps(data, indent=2, allow_nan=False)


def _lines(found: BaselineComparison) -> list[str]:
    lines = ["worse than the baseline" if found.worse else "no worse than the baseline"]
    lines += [f"  {measure}" for measure in found.measures]
    for word, findings in (("new", found.new_findings), ("gone", found.gone_findings)):
        for finding in findings:
            first, *rest = described(finding)
            lines += [printable(f"  {word} {first}"), *(f"  {line}" for line in (rest if word == "new" else ()))]
    return lines


def share(text: str) -> float:
    """A tolerance; named in the usage message."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number from 0, got {text}")
    return value
