"""Our answers to a golden case: by the layer's mathematics alone, in any precision, and by a network on an executor."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py import Network
from loom_py.layers import Run, from_config
from tests.golden.loader import Arrays, Golden


def eager(case: Golden, dtype: Any) -> Arrays:
    """The layer run step by step on arrays of this precision."""
    layer = from_config(case.line["layer"])
    stored = case.group("parameters") | case.group("buffers")
    arrays = {f"0.{path}": value.astype(dtype) for path, value in stored.items()}
    run = Run(arrays, case.line["training"], np.zeros((), np.int64), mask=case.arrays.get("mask"))
    x = case.arrays["input"]
    with np.errstate(all="ignore"):
        y, cache = run.forward("0", layer, x.astype(dtype) if x.dtype.kind == "f" else x)
        dx = run.backward("0", layer, cache, case.arrays["output_gradient"].astype(dtype))
    got: Arrays = {"output": y, "input_gradient": dx}
    got |= {f"gradients/{path.removeprefix('0.')}": value for path, value in run.gradients.items()}
    return got | {f"buffers_after/{path}": arrays[f"0.{path}"] for path in case.group("buffers")}


def executed(case: Golden, device: str = "auto") -> Arrays:
    """A network of this one layer, run forward and backward on a device in float32."""
    net = Network.of(case.arrays["input"].shape[1:], [from_config(case.line["layer"])], seed=0)
    net.to(device)  # type: ignore[arg-type]
    stored = case.group("parameters") | case.group("buffers")
    net.set_parameters({f"0.{path}": value for path, value in stored.items()})
    got: Arrays = {
        "output": net.forward_cpu(
            case.arrays["input"], training=case.line["training"], mask=case.arrays.get("mask")
        ).output
    }
    dx = net.backward_cpu(case.arrays["output_gradient"]).input_gradient
    if dx is not None:
        got["input_gradient"] = dx
    got |= {f"gradients/{path.removeprefix('0.')}": value for path, value in net.gradients().items()}
    after = net.parameters()
    return got | {f"buffers_after/{path}": after[f"0.{path}"] for path in case.group("buffers")}
