"""The docstring reader."""

import sys

from loom_py.introspect.docstrings import module_attribute_docs, parse
from loom_py.telemetry import events

GOOGLE = """Train it.

    More about it,
    on two lines.

    Args:
        batches: what to learn from,
            continued: with a colon.
        low, high (float): the range.
        **rest: others.

    Returns:
        A result that
        wraps.

    Raises:
        ShapeError: bad shape.
        loom_py.ConfigError: bad config.

    Note:
        Stays in the text.

    Example:
        >>> f(1)
        2
    """


def test_sections_are_taken_apart() -> None:
    doc = parse(GOOGLE)
    assert doc.text == "Train it.\n\nMore about it,\non two lines.\n\nNote:\n    Stays in the text."
    assert doc.parameters == {
        "batches": "what to learn from, continued: with a colon.",
        "low": "the range.",
        "high": "the range.",
        "rest": "others.",
    }
    assert doc.returns == "A result that wraps."
    assert doc.raises == {"ShapeError": "bad shape.", "loom_py.ConfigError": "bad config."}
    assert doc.example == ">>> f(1)\n2"


def test_attributes_and_text_after_a_section() -> None:
    doc = parse("One.\n\nAttributes:\n    every: N-th.\n\nText again.")
    assert doc.attributes == {"every": "N-th."}
    assert doc.text == "One.\n\nText again."


def test_several_errors_on_a_line() -> None:
    doc = parse(
        "One.\n\nRaises:\n    ShapeError, DataError: bad data.\n    StateError: none. ConfigError: bad\n        rate."
    )
    assert doc.raises == {
        "ShapeError": "bad data.",
        "DataError": "bad data.",
        "StateError": "none.",
        "ConfigError": "bad rate.",
    }


def test_nothing_gives_nothing() -> None:
    assert parse(None) == parse("") == parse("   \n ")
    assert parse(None).text == ""


def test_strings_under_fields_and_aliases_are_read_from_the_source() -> None:
    module = sys.modules[__name__]
    docs = module_attribute_docs(module.__name__)
    assert docs is not None
    assert docs["ANSWER"] == "What it is."
    assert docs["Outer.Inner.field"] == "Deep."
    assert "Outer.bare" not in docs


def test_without_a_source_there_is_none() -> None:
    assert module_attribute_docs("sys") is None
    assert module_attribute_docs("no.such.module") is None
    assert events.__name__ in sys.modules


ANSWER = 42
"""What it is."""


class Outer:
    bare: int = 1

    class Inner:
        field: int = 2
        """Deep."""
