"""Whether a PyTorch model can be watched, said before anything is hooked."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from loom_py.errors import ConfigError, UnavailableError
from loom_py.telemetry.observer import Observer


def check(model: Any, optimizer: Any, observers: tuple[Any, ...], loss: Any) -> None:
    """Refuse in words what `watch_torch` can't watch.

    Raises:
        ConfigError: an argument is of another kind, or the optimizer has none of the model's arrays.
        UnavailableError: PyTorch is not installed, or the model runs where hooks see nothing.
    """
    if find_spec("torch") is None:
        raise UnavailableError.expected("watch_torch", expected="PyTorch", got="none", do="pip install torch")
    from torch import nn
    from torch.optim import Optimizer

    _kind("model", model, nn.Module, "a torch.nn.Module")
    _kind("optimizer", optimizer, Optimizer, "a torch.optim.Optimizer")
    if loss is not None:
        _kind("loss", loss, nn.Module, "the module that computes the loss", "call watch.log(loss=…) in the loop")
    if not observers:
        raise ConfigError.expected(
            "observers", expected="at least one", got="none", do="pass loom_py.RecordingObserver() or another"
        )
    for observer in observers:
        _kind("observers", observer, Observer, "observers of loom_py")
    _seen_by_hooks(model)
    optimized = {parameter for group in optimizer.param_groups for parameter in group["params"]}
    if not any(parameter in optimized for parameter in model.parameters()):
        raise ConfigError.expected(
            "optimizer", expected="the arrays of the model", got="others", do="pass the optimizer that trains the model"
        )


def _kind(name: str, value: Any, kind: type, words: str, do: str = "") -> None:
    if not isinstance(value, kind):
        raise ConfigError.expected(name, expected=words, got=type(value).__name__, do=do)


def _seen_by_hooks(model: Any) -> None:
    import torch
    from torch import nn

    if hasattr(model, "_orig_mod") or any(m._compiled_call_impl is not None for m in model.modules()):
        raise UnavailableError.expected(
            "model", expected="one that runs module by module", got="a compiled one, whose modules are fused",
            do="watch a run of the model as it is before torch.compile",
        )  # fmt: skip
    if isinstance(model, torch.jit.ScriptModule):
        raise UnavailableError.expected(
            "model", expected="one that runs in Python", got="a TorchScript module",
            do="watch the module that it was made from",
        )  # fmt: skip
    if isinstance(model, nn.DataParallel):
        raise UnavailableError.expected(
            "model", expected="one replica a process", got="DataParallel, which runs copies in threads",
            do="use DistributedDataParallel, or watch model.module on one device",
        )  # fmt: skip
