"""The safetensors reader takes what the format allows, and refuses all else before it makes an array."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loom_py import ConfigError, FileFormatError, StateError
from loom_py.store import TensorFile, pack_tensors, read_source
from loom_py.store.safetensors import LONGEST_HEADER

DTYPES = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")


def opened(data: bytes) -> TensorFile:
    return TensorFile(read_source(data))


def packed(header: Any, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def entry(start: int, stop: int, shape: Any = None, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [(stop - start) // 4] if shape is None else shape, "data_offsets": [start, stop]}


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=9).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=4), st.integers(0, 99)),
        max_size=6,
    ),
    st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3),
)
def test_what_is_packed_comes_back(drawn: dict[str, tuple[str, list[int], int]], metadata: dict[str, str]) -> None:
    arrays = {
        name: np.random.default_rng(seed).integers(0, 2 if kind == "?" else 100, shape).astype(kind)
        for name, (kind, shape, seed) in drawn.items()
    }
    data = pack_tensors(arrays, metadata)
    file = opened(data)
    assert file.metadata == metadata
    assert set(file.entries) == set(arrays)
    for name, array in arrays.items():
        got = file.array(name)
        assert got.dtype == array.dtype and got.shape == array.shape and (got == array).all()
        got += got  # it is the caller's own
    assert pack_tensors(dict(reversed(arrays.items())), metadata) == data


def test_big_endian_and_strided_arrays_are_written_in_order() -> None:
    array = np.arange(12, dtype=">f4").reshape(3, 4)[:, ::2]
    got = opened(pack_tensors({"a": array})).array("a")
    assert got.dtype == np.float32 and (got == array).all()


def test_bfloat16_is_read_as_float32() -> None:
    values = np.array([1.5, -2.0, 3e38, np.inf], np.float32)
    body = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    got = opened(packed({"a": entry(0, 8, [4], "BF16")}, body)).array("a")
    np.testing.assert_allclose(got, values, rtol=1 / 128)


def test_files_are_read_by_path(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(pack_tensors({"a": np.arange(3)}))
    file = TensorFile(read_source(path))
    assert (file.array("a") == [0, 1, 2]).all()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match="cut short"):
        file.array("a")
    with pytest.raises(StateError, match="one of a"):
        file.array("b")


def test_headers_may_be_padded_with_spaces() -> None:
    assert opened(packed(json.dumps({"a": entry(0, 4)}).encode() + b"   ", b"1234")).array("a").shape == (1,)
    assert opened(packed(b"{}")).entries == {}


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "no header": b"\0" * 8,
    "longer than the file": (10).to_bytes(8, "little") + b"{}",
    "longest possible": b"\xff" * 8 + b"{}",
    "over the limit": (LONGEST_HEADER + 1).to_bytes(8, "little") + b"{}",
    "no JSON": packed(b"{nonsense}"),
    "begins with a space": packed(b" {}"),
    "a list": packed(b"[]"),
    "text behind": packed(b"{}{}"),
    "tabs behind": packed(b"{}\t"),
    "not UTF-8": packed(b'{"\xff": 1}'),
    "deeply nested": packed(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "twice one tensor": packed(b'{"a":%b,"a":%b}' % ((json.dumps(entry(0, 4)).encode(),) * 2), b"1234"),
    "twice one key": packed(b'{"a":{"dtype":"F32","dtype":"I8","shape":[1],"data_offsets":[0,4]}}', b"1234"),
    "unknown dtype": packed({"a": entry(0, 4, dtype="F4")}, b"1234"),
    "dtype a list": packed({"a": entry(0, 4, dtype=["F32"])}, b"1234"),
    "dtype in small letters": packed({"a": entry(0, 4, dtype="f32")}, b"1234"),
    "wrong dtype": packed({"a": entry(0, 4, [1], "F64")}, b"1234"),
    "shape too large": packed({"a": entry(0, 4, [2])}, b"1234"),
    "shape too small": packed({"a": entry(0, 4, [])}, b"12345678"),
    "shape a number": packed({"a": entry(0, 4, 1)}, b"1234"),
    "negative shape": packed({"a": entry(0, 4, [-1, -1])}, b"1234"),
    "fraction": packed({"a": entry(0, 4, [1.0])}, b"1234"),
    "truth for one": packed({"a": entry(0, 4, [True])}, b"1234"),
    "text for one": packed({"a": entry(0, 4, ["1"])}, b"1234"),
    "product wraps at 64 bits": packed({"a": entry(0, 0, [2**32, 2**32])}),
    "huge number": packed(b'{"a":{"dtype":"F32","shape":[%b],"data_offsets":[0,4]}}' % (b"9" * 5000), b"1234"),
    "huge shape": packed({"a": entry(0, 10**15, [10**15 // 4])}),
    "many axes": packed({"a": entry(0, 4, [1] * 100)}, b"1234"),
    "NaN": packed(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', b"1234"),
    "backwards": packed({"a": entry(4, 0, [1])}, b"1234"),
    "three offsets": packed({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}, b"1234"),
    "beyond the end": packed({"a": entry(0, 8)}, b"1234"),
    "bytes behind": packed({"a": entry(0, 4)}, b"12345"),
    "gap in front": packed({"a": entry(4, 8)}, b"12345678"),
    "gap between": packed({"a": entry(0, 4), "b": entry(8, 12)}, b"123456789012"),
    "overlap": packed({"a": entry(0, 8), "b": entry(4, 8)}, b"12345678"),
    "same bytes twice": packed({"a": entry(0, 4), "b": entry(0, 4)}, b"1234"),
    "unknown key": packed({"a": entry(0, 4) | {"strides": [1]}}, b"1234"),
    "missing key": packed({"a": {"dtype": "F32", "shape": [1]}}, b"1234"),
    "tensor a list": packed({"a": [0, 4]}, b"1234"),
    "nameless": packed({"": entry(0, 4)}, b"1234"),
    "metadata a list": packed({"__metadata__": []}),
    "metadata of numbers": packed({"__metadata__": {"a": 1}}),
    "metadata null": packed({"__metadata__": None}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_args: Any, **_options: Any) -> Any:
        raise AssertionError("an array was made of a file that had to be refused")

    for maker in ("frombuffer", "empty", "zeros", "ndarray"):
        monkeypatch.setattr(np, maker, never)
    with pytest.raises(FileFormatError, match=r"expected .*, got"):
        opened(HOSTILE[name])


def test_truth_values_are_0_and_1() -> None:
    file = opened(packed({"a": entry(0, 3, [3], "BOOL")}, b"\0\1\2"))
    with pytest.raises(FileFormatError, match="bytes 0 and 1"):
        file.array("a")


GOOD = pack_tensors({"a": np.arange(6.0).reshape(2, 3), "b": np.ones(3, np.int8)}, {"made": "here"})


@given(st.integers(0, len(GOOD) - 1))
def test_truncated_files_are_refused(length: int) -> None:
    with pytest.raises(FileFormatError):
        opened(GOOD[:length])


def survives(read: Callable[[], Any]) -> None:
    """Damaged bytes either are refused or, where the damage is in the numbers, read without harm."""
    try:
        read()
    except FileFormatError as error:
        assert len(str(error)) < 1000


def read_all(data: bytes) -> None:
    file = opened(data)
    total = sum(file.array(name).nbytes for name in file.entries)
    assert total <= 2 * len(data)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_flipped_bytes_do_no_harm(i: int, a: int, j: int, b: int) -> None:
    damaged = bytearray(GOOD)
    damaged[i], damaged[j] = a, b
    survives(lambda: read_all(bytes(damaged)))


@given(st.binary(max_size=200))
def test_any_bytes_do_no_harm(data: bytes) -> None:
    survives(lambda: read_all(data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
SHAPED = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F64", "I8", "BOOL"]) | JSON,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(-1, 24), min_size=2, max_size=2) | JSON,
    }
)


@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), SHAPED | JSON, max_size=3), st.binary(max_size=24))
def test_any_header_does_no_harm(header: dict[str, Any], body: bytes) -> None:
    survives(lambda: read_all(packed(header, body)))


@pytest.mark.parametrize(
    "tensors", [{"a": np.array(["x"])}, {"a": np.array([1j])}, {"": np.zeros(1)}, {"__metadata__": np.zeros(1)}]
)
def test_what_the_format_has_not_is_not_written(tensors: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="tensor"):
        pack_tensors(tensors)
