"""Mutations of bytes and of JSON, as damage and as hands that know the format make them."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Callable
from typing import Any

DEPTH = 300
HOSTILE: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 2**31, 2**53, 2**63, 10**400, -(10**400), 0.5, -0.0, 1e308, -1e-320, 5e-324,
    "", "NaN", "Infinity", "-Infinity", "a", "\ud800", "\x00", "../x", "x" * 300, [], {}, [[]], [{}], {"a": 1},
    [0, 1], ["a"],
)  # fmt: skip


def bytes_mutated(data: bytes, rng: random.Random) -> bytes:
    """The bytes with a flip, a cut, an insertion or a repetition."""
    start = rng.randrange(len(data) + 1)
    stop = min(len(data), start + rng.choice((1, 1, 2, 8, 64)))
    letter = rng.choice(b'\x00\xff09-.,:"[]{}\\ \n').to_bytes()
    middle = rng.choice((b"", data[start:stop] * 2, rng.randbytes(stop - start), letter))
    return data[:start] + middle if rng.random() < 0.2 else data[:start] + middle + data[stop:]


def json_mutated(text: str, rng: random.Random) -> str:
    """JSON with one place changed: another value, a key less, more or twice, a list shorter or longer, a deep nest."""
    value = json.loads(text)
    holders = [holder for holder in _holders(value) if holder]
    if not holders or rng.random() < 0.03:
        return _dumps(rng.choice(HOSTILE))
    holder = rng.choice(holders)
    place = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    change = rng.choice((_replace, _replace, _replace, _remove, _repeat, _nest, _twice))
    return change(value, holder, place, rng)


def _replace(value: Any, holder: Any, place: Any, rng: random.Random) -> str:
    old = holder[place]
    near = [old + 1, -old, old * 2, float(old)] if type(old) in (int, float) else [old]
    holder[place] = rng.choice([*HOSTILE, *near * 4])
    return _dumps(value)


def _remove(value: Any, holder: Any, place: Any, rng: random.Random) -> str:
    del holder[place]
    return _dumps(value)


def _repeat(value: Any, holder: Any, place: Any, rng: random.Random) -> str:
    if isinstance(holder, dict):
        holder[str(rng.choice(("a", "", "\udfff", place.upper(), f"{place}/x")))] = holder[place]
    else:
        holder[place:place] = [holder[place]] * rng.choice((1, 2, 50))
    return _dumps(value)


def _nest(value: Any, holder: Any, place: Any, rng: random.Random) -> str:
    holder[place] = "\x01"
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}"), ('{"type":"Sequential","layers":[', "]}")))
    return _dumps(value).replace('"\\u0001"', opening * DEPTH + "0" + closing * DEPTH)


def _twice(value: Any, holder: Any, place: Any, rng: random.Random) -> str:
    if not isinstance(holder, dict):
        return _remove(value, holder, place, rng)
    holder["\x01"] = holder[place]
    return _dumps(value).replace('"\\u0001"', _dumps(place))


def _holders(value: Any) -> list[Any]:
    if not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(holder for item in inner for holder in _holders(item))]


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def mixed(inner: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    """A mutation of the format in most cases, of bare bytes in the others."""

    def mutated(data: bytes, rng: random.Random) -> bytes:
        return bytes_mutated(data, rng) if rng.random() < 0.25 else inner(data, rng)

    return mutated


def json_file(data: bytes, rng: random.Random) -> bytes:
    """A file that is one JSON value."""
    return json_mutated(data.decode(), rng).encode()


def json_lines(data: bytes, rng: random.Random) -> bytes:
    """A file of JSON Lines, with one of them changed, removed or moved."""
    lines = data.decode().splitlines()
    place = rng.randrange(min(len(lines), 40))
    kind = rng.random()
    if kind < 0.8:
        lines[place] = json_mutated(lines[place], rng)
    elif kind < 0.9:
        del lines[place]
    else:
        lines.insert(rng.randrange(len(lines)), lines.pop(place))
    return "".join(line + "\n" for line in lines).encode()


def safetensors(data: bytes, rng: random.Random) -> bytes:
    """A safetensors file whose header, or the index of models in it, is changed."""
    length = int.from_bytes(data[:8], "little")
    text, body = data[8 : 8 + length].decode(), data[8 + length :]
    header = json.loads(text)
    index = header.get("__metadata__", {}).get("loom_py")
    if index and rng.random() < 0.7:
        header["__metadata__"]["loom_py"] = json_mutated(index, rng)
        text = _dumps(header)
    else:
        text = json_mutated(text, rng)
    raw = text.encode()
    return len(raw).to_bytes(8, "little") + raw + body


def tensors(data: bytes, rng: random.Random) -> bytes:
    """A safetensors file with other values in some tensor: NaN, infinity, negative numbers."""
    body = 8 + int.from_bytes(data[:8], "little")
    place = body + 4 * rng.randrange((len(data) - body) // 4)
    value = struct.pack("<f", rng.choice((math.nan, math.inf, -math.inf, -1.0)))
    return data[:place] + value + data[place + 4 :]


def model_file(data: bytes, rng: random.Random) -> bytes:
    """A safetensors file, changed in its header or its tensors."""
    return tensors(data, rng) if rng.random() < 0.15 else safetensors(data, rng)
