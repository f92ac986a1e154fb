"""The package's errors. Messages say what was expected, what was got, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NoReturn, SupportsIndex

_LONGEST_GOT = 1000


class LoomError(Exception):
    """Base of every error that this package raises on purpose.

    `code` is a stable identifier for programs and crosses to JavaScript with the message, which is for people.
    """

    code: ClassVar[str] = "loom"

    @classmethod
    def expected(cls, what: str, *, expected: object, got: object, do: str = "") -> LoomError:
        """Build the usual three-part message: `what: expected …, got …; do …`."""
        found = str(got)
        if len(found) > _LONGEST_GOT:  # such as a hostile file's
            found = f"{found[:_LONGEST_GOT]} …"
        text = f"{what}: expected {expected}, got {found}"
        return cls(f"{text}; {do}" if do else text)


def uncopyable(holds: str, do: str) -> Callable[[object, SupportsIndex], NoReturn]:
    """A `__reduce_ex__` that refuses `copy` and `pickle` in words.

    Args:
        holds: what the object has that can't be copied.
        do: what to do instead.
    """

    def refuse(self: object, protocol: SupportsIndex) -> NoReturn:
        raise UnavailableError.expected(f"copy of a {type(self).__name__}", expected="plain data", got=holds, do=do)

    return refuse


class ShapeError(LoomError, ValueError):
    """The shape of an array or a layer does not fit."""

    code = "shape"


class DataError(LoomError, ValueError):
    """Data has the wrong type or contains invalid values: NaN, infinity, an id out of range."""

    code = "data"


class ConfigError(LoomError, ValueError):
    """A layer, option or configuration is unknown, missing or out of range."""

    code = "config"


class StateError(LoomError, RuntimeError):
    """A call came in the wrong state, such as `backward_cpu` before `forward_cpu`."""

    code = "state"


class UnavailableError(LoomError, RuntimeError):
    """The capability is not available in this environment or state; the message says why."""

    code = "unavailable"


class DeviceLostError(LoomError, RuntimeError):
    """The GPU was lost during work: unplugged, reset by its driver, or taken by another process."""

    code = "device_lost"


class NotPublicError(LoomError, AttributeError):
    """A call across the bridge named something that `describe()` does not list."""

    code = "not_public"


class FileFormatError(LoomError, ValueError):
    """A file is damaged, malicious, or of an unsupported version."""

    code = "file_format"


class CancelledError(LoomError):
    """The caller cancelled the work; completed parts are kept."""

    code = "cancelled"
