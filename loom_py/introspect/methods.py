"""Records of public methods: parameters, result, errors and docs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from loom_py.introspect.annotations import NO_LIMITS, JsonScalar, Limits

NON_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
"""Spelling in JSON of floats that JSON lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterInfo:
    """One parameter of a method."""

    name: str
    """Its name in Python."""
    type: str
    """The annotation as written; empty if there is none."""
    doc: str = ""
    """Its text in the docstring."""
    required: bool = True
    """Whether a call must pass it."""
    default: Any = None
    """The default as JSON data, or as text if it is no plain data; None also if there is none, see `required`."""
    kind: str = "positional_or_keyword"
    """`positional_only`, `positional_or_keyword`, `var_positional`, `keyword_only` or `var_keyword`."""
    choices: tuple[JsonScalar, ...] = ()
    """Allowed values if the type is a Literal."""
    limits: Limits = NO_LIMITS
    """Allowed range if the type has one."""

    def to_dict(self) -> dict[str, Any]:
        """The parameter as JSON data, with limits if there are any."""
        data = {key: getattr(self, key) for key in ("name", "type", "doc", "required", "default", "kind")}
        limits = {key: value for key, value in asdict(self.limits).items() if value is not None}
        return {**data, "choices": list(self.choices), **limits}


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodInfo:
    """One public method."""

    method_name: str
    """Its name in Python."""
    parameters: tuple[ParameterInfo, ...] = ()
    """Parameters in order, without `self`."""
    returns: tuple[str, ...] = ()
    """The return annotation as written; empty for None."""
    doc: str = ""
    """Summary and description from the docstring."""
    returns_doc: str = ""
    """Text on the result in the docstring."""
    raises: Mapping[str, str]
    """Errors by class name, with their reason from the docstring."""
    is_async: bool = False
    """Whether the result must be awaited."""
    available: bool = True
    """Whether it can be called now."""
    unavailable_reason: str = ""
    """Reason if it can't be called now."""

    @property
    def signature(self) -> str:
        """Signature as text: `train(batches: Iterable[Batch], config: TrainingConfig) -> TrainingResult`."""
        return f"{self.method_name}({', '.join(_parameter_texts(self.parameters))}) -> {_returns_text(self)}"

    def to_dict(self) -> dict[str, Any]:
        """The method as JSON data with the guide's keys and ours; lists are never null."""
        return {
            "method_name": self.method_name,
            "parameters": [parameter.to_dict() for parameter in self.parameters],
            "returns": list(self.returns),
            "doc": self.doc,
            "returns_doc": self.returns_doc,
            "raises": [{"error": name, "doc": doc} for name, doc in self.raises.items()],
            "async": self.is_async,
            "available": self.available,
            "unavailable_reason": self.unavailable_reason,
            "signature": self.signature,
        }


def _parameter_texts(parameters: tuple[ParameterInfo, ...]) -> Iterator[str]:
    stars = {"var_positional": "*", "var_keyword": "**"}
    previous = ""
    for parameter in parameters:
        if previous == "positional_only" != parameter.kind:
            yield "/"
        if parameter.kind == "keyword_only" and previous not in ("keyword_only", "var_positional"):
            yield "*"
        typed = f": {parameter.type}" if parameter.type else ""
        default = "" if parameter.required or parameter.kind in stars else f" = {_default_text(parameter)}"
        yield f"{stars.get(parameter.kind, '')}{parameter.name}{typed}{default}"
        previous = parameter.kind
    if previous == "positional_only":
        yield "/"


def _default_text(parameter: ParameterInfo) -> str:
    default = parameter.default
    is_text = isinstance(default, str) and default not in NON_FINITE.values()
    return json.dumps(default, ensure_ascii=False) if is_text else str(default)


def _returns_text(method: MethodInfo) -> str:
    return ", ".join(method.returns) or "None"
