"""Names in three spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loom_py.introspect.names import ACRONYMS, camel, pascal, resolve, snake, spellings

WORDS = st.one_of(
    st.from_regex(r"[a-z][a-z0-9]{1,8}", fullmatch=True), st.sampled_from([word.lower() for word in ACRONYMS])
)


@pytest.mark.parametrize(
    ("python", "javascript", "guide"),
    [
        ("forward_gpu", "forwardGPU", "ForwardGPU"),
        ("get_methods_json", "getMethodsJSON", "GetMethodsJSON"),
        ("http_observer", "httpObserver", "HTTPObserver"),
        ("otlp_observer", "otlpObserver", "OTLPObserver"),
        ("forward_cpu", "forwardCPU", "ForwardCPU"),
        ("train", "train", "Train"),
        ("conv2d", "conv2d", "Conv2d"),
        ("to_json_cpu", "toJSONCPU", "ToJSONCPU"),
        ("mse_loss_grad", "mseLossGrad", "MseLossGrad"),
    ],
)
def test_the_three_spellings_of_a_name(python: str, javascript: str, guide: str) -> None:
    assert spellings(python) == (python, javascript, guide)
    assert snake(javascript) == python
    assert snake(guide) == python
    assert snake(python) == python


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_snake_case_survives_the_way_there_and_back(words: list[str]) -> None:
    name = "_".join(words)
    assert snake(camel(name)) == name
    assert snake(pascal(name)) == name
    assert camel(snake(camel(name))) == camel(name)


def test_class_names_become_the_names_of_their_makers() -> None:
    assert camel(snake("DeviationMetrics")) == "deviationMetrics"
    assert camel(snake("OTLPObserver")) == "otlpObserver"
    assert camel(snake("HTTPObserver")) == "httpObserver"


def test_resolve_knows_exactly_three_spellings() -> None:
    known = ["forward_gpu", "train"]
    assert [resolve(name, known) for name in ("ForwardGPU", "forwardGPU", "forward_gpu")] == ["forward_gpu"] * 3
    assert resolve("FORWARD_GPU", known) is None
    assert resolve("forwardgpu", known) is None
    assert resolve("", known) is None
