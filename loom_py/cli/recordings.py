"""Recordings and findings of the commands that read them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Literal, get_args

from loom_py.diagnose.finding import SEVERITIES, Finding, Severity
from loom_py.errors import FileFormatError
from loom_py.observers.recording import RecordingObserver

STDIN = "-"
FailOn = Severity | Literal["never"]
FAIL_ON = (*get_args(Severity), "never")


def read_recording(path: str) -> RecordingObserver:
    """The recording of a file, or of standard input.

    Raises:
        FileFormatError: it is no recording; the text names the file. OSError: it can't be read.
    """
    try:
        if path == STDIN:
            return RecordingObserver.from_text(sys.stdin.buffer.read().decode())
        return RecordingObserver.load(path)
    except (FileFormatError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path}: {error}") from None


def fails(findings: Iterable[Finding], fail_on: FailOn) -> bool:
    """Whether a finding is at least as grave as the limit; "never" is no limit."""
    return fail_on != "never" and any(SEVERITIES[f.severity] <= SEVERITIES[fail_on] for f in findings)
