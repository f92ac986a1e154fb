"""The schema of a training run's options."""

from __future__ import annotations

import json
import re

from loom_py.introspect.description import describe
from loom_py.introspect.schema import training_schema


def test_the_schema_of_training_has_the_options_of_each_kind() -> None:
    schema = training_schema(describe())
    definitions = schema["$defs"]
    assert {"$ref": "#/$defs/Optimizer"} in schema["properties"]["optimizer"]["anyOf"]
    assert {"enum": ["sgd", "adam", "adamw", "rmsprop", "lion"]} in schema["properties"]["optimizer"]["anyOf"]
    assert {"$ref": "#/$defs/SGD"} in definitions["Optimizer"]["oneOf"]
    assert definitions["SGD"]["properties"]["type"] == {"const": "SGD"}
    assert definitions["SGD"]["required"] == ["type"]
    assert definitions["WarmUp"]["properties"]["inner"]["$ref"] == "#/$defs/Schedule"
    assert definitions["EarlyStopping"]["required"] == []
    assert schema["properties"]["groups"]["items"] == {"$ref": "#/$defs/ParameterGroup"}
    named = {f"#/$defs/{name}" for name in definitions}
    assert set(re.findall(r"#/\$defs/\w+", json.dumps(schema))) == named
