"""`diagnose`: faults of a recorded run, as text, JSON or SARIF."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from loom_py.atomic_file import write_whole
from loom_py.cli.recordings import FAIL_ON, STDIN, fails, read_recording
from loom_py.cli.terminal import printable
from loom_py.diagnose.diagnosis import diagnose
from loom_py.diagnose.finding import Finding, Severity
from loom_py.diagnose.sarif import finding_data, sarif_log
from loom_py.errors import ConfigError
from loom_py.observers.recording import RecordingObserver

WORDS: dict[Severity, str] = {"error": "error(s)", "warning": "warning(s)", "info": "worth knowing"}


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Options of the command."""
    parser.add_argument("recording", help="a recording (JSON Lines), - for standard input")
    parser.add_argument("--json", action="store_true", help="show the findings as JSON")
    parser.add_argument("--sarif", metavar="FILE", type=Path, help="also write the findings as SARIF 2.1.0")
    text = "lowest severity that makes the exit status 1 (default: warning)"
    parser.add_argument("--fail-on", choices=FAIL_ON, default="warning", help=text)
    parser.epilog = "Exit status: 0 nothing to report, 1 findings of that severity or graver, 2 unusable input."


def run(options: argparse.Namespace) -> int:
    """Diagnose a recording; returns the exit status."""
    if options.sarif and _same_file(options.sarif, Path(options.recording)):
        raise ConfigError.expected("--sarif", expected="another file than the recording", got=options.sarif)
    recording = read_recording(options.recording)
    findings = diagnose(recording)
    if options.sarif:
        uri = None if options.recording == STDIN else options.recording
        log = sarif_log(findings, uri, recording.header.versions.get("loom_py"))
        write_whole(options.sarif, [json.dumps(log, indent=2, allow_nan=False).encode()])
    if options.json:
        data = {"recording": options.recording, "truncated": recording.truncated, "dropped": recording.dropped}
        print(json.dumps(data | {"findings": [finding_data(f) for f in findings]}, indent=2, allow_nan=False))
    else:
        print("\n".join(_lines(options.recording, recording, findings)))
    return int(fails(findings, options.fail_on))


def _same_file(one: Path, other: Path) -> bool:
    """Whether two paths name one file: also by another spelling or a link."""
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def _lines(path: str, recording: RecordingObserver, findings: list[Finding]) -> Iterator[str]:
    counts = Counter(finding.severity for finding in findings)
    summary = ", ".join(f"{counts[severity]} {word}" for severity, word in WORDS.items() if counts[severity])
    yield printable(f"{path}: {summary or 'nothing to report'}")
    if recording.truncated:
        yield "The file was cut off; its last row is missing."
    if recording.dropped:
        yield f"The oldest {recording.dropped} records were dropped while recording: a cause there is not found."
    for finding in findings:
        yield ""
        yield from described(finding)


def described(finding: Finding) -> Iterator[str]:
    """A finding in a few lines."""
    where = f" in layer {finding.layer}" if finding.layer is not None else ""
    when = f" at step {finding.step}" if finding.step is not None else ""
    yield printable(f"{finding.severity}: {finding.rule}{where}{when}")
    yield printable(f"  {finding.explanation}")
    if finding.cause is not None:
        yield printable(f"  A consequence of {finding.cause}.")
    yield printable("  " + ", ".join(f"{name} {_short(value)}" for name, value in finding.evidence.items()))
    yield printable(f"  Try: {'; '.join(finding.suggestions)}.")


def _short(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
