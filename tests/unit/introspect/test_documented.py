"""Whatever a user fills in says what it is, in every language."""

from __future__ import annotations

import re
from typing import Any

import pytest

from loom_py.introspect.description import describe
from loom_py.introspect.typescript import typegen
from loom_py.introspect.typescript.names import names_of

DESCRIBED = describe()
TYPES = typegen(DESCRIBED)
GIVEN = names_of(DESCRIBED).data_in
RECORDS = {record["name"]: record["parameters"] for record in DESCRIBED["layers"]} | {
    record["name"]: record["fields"] for record in DESCRIBED["dataclasses"] if record["name"] in GIVEN
}


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_of_layers_options_and_configs_is_documented(name: str) -> None:
    assert [field["name"] for field in RECORDS[name] if not field["doc"]] == []


def comment_above(interface: str, key: str) -> str:
    body: Any = re.search(rf"export interface {interface} \{{\n(.*?)^\}}", TYPES, re.DOTALL | re.MULTILINE)
    return str(re.search(rf"/\*\*((?:(?!\*/).)*)\*/\n  readonly {key}\??:", body[1], re.DOTALL)[1])  # type: ignore[index]


def test_the_docs_are_in_the_types() -> None:
    assert "Units: extent of the output's last axis (O)." in comment_above("DenseConfig", "outputs")
    assert "Momentum (μ): decay of the running sum of gradients." in comment_above("SGDConfig", "momentum")
    assert "@defaultValue `0.0`" in comment_above("SGDConfig", "momentum")
    assert "passes over the data." in comment_above("TrainingConfig", "epochs")
