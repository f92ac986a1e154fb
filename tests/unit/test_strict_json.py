"""Strict JSON: numbers that JSON lacks survive as texts, and what is not JSON is refused in words."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loom_py.errors import FileFormatError
from loom_py.strict_json import decode_count, decode_float, dumps, encode_float, loads


@given(st.floats())
def test_every_float_survives(value):
    assert repr(decode_float(loads(dumps(encode_float(value)), "number"))) == repr(
        value if value == value else math.nan
    )


@given(st.floats(width=32))
def test_nine_digits_carry_a_float32(value):
    np.testing.assert_array_equal(np.float32(decode_float(encode_float(value, 9))), np.float32(value))


def test_the_writer_refuses_a_float_that_was_not_encoded():
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps({"loss": math.nan})


@pytest.mark.parametrize("text", ["[NaN]", "[Infinity]", "", "[1", b"\xff", "[" * 100_000, b"1\x00"])
def test_what_is_not_json_is_refused_in_words(text):
    with pytest.raises(FileFormatError, match="settings: expected JSON, got"):
        loads(text, "settings")


@pytest.mark.parametrize("value", [None, "nan", True, [], 10**400])
def test_what_is_no_float_is_refused(value):
    with pytest.raises(FileFormatError, match="loss: expected a number"):
        decode_float(value, "loss")


@pytest.mark.parametrize("value", [None, -1, 1.0, True, "1"])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(FileFormatError, match="steps: expected a whole number from 0"):
        decode_count(value, "steps")
