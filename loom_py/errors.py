"""The errors of the package: every one says what was expected, what was got, and what to do."""

from __future__ import annotations

from typing import ClassVar


class LoomError(Exception):
    """Base of every error this package raises on purpose.

    `code` is a stable word for programs (it crosses to JavaScript with the text); the text is for people.
    """

    code: ClassVar[str] = "loom"

    @classmethod
    def expected(cls, what: str, *, expected: object, got: object, do: str = "") -> LoomError:
        """Build the usual three-part message: `what: expected …, got …; do …`."""
        text = f"{what}: expected {expected}, got {got}"
        return cls(f"{text}; {do}" if do else text)


class ShapeError(LoomError, ValueError):
    """An array or a layer has a shape that does not fit."""

    code = "shape"


class DataError(LoomError, ValueError):
    """Data has the wrong type or holds values that it must not (NaN, infinity, an id out of range)."""

    code = "data"


class ConfigError(LoomError, ValueError):
    """A layer, option or configuration is unknown, missing or out of range."""

    code = "config"


class StateError(LoomError, RuntimeError):
    """A call came before what it needs, such as `backward_cpu` before `forward_cpu`."""

    code = "state"


class UnavailableError(LoomError, RuntimeError):
    """The capability exists but not here and now; the text says why."""

    code = "unavailable"


class DeviceLostError(LoomError, RuntimeError):
    """The GPU went away in the middle of work: unplugged, reset by its driver, taken by another."""

    code = "device_lost"


class NotPublicError(LoomError, AttributeError):
    """A name was called across the bridge that `describe()` does not list."""

    code = "not_public"


class FileFormatError(LoomError, ValueError):
    """A file is damaged, hostile, or of a version that this package does not read."""

    code = "file_format"


class CancelledError(LoomError):
    """Work was cancelled by its caller; what had been completed is kept."""

    code = "cancelled"
