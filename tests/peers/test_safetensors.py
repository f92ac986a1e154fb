"""Our safetensors files against the format's own library, both ways."""

from __future__ import annotations

import numpy as np
import pytest

library = pytest.importorskip("safetensors.numpy", reason="safetensors is in .venv-peers: npm run goldens -- --peers")

from loom_py import Dense, Network  # noqa: E402
from loom_py.store import TensorFile, pack_tensors, read_source  # noqa: E402

RNG = np.random.default_rng(0)
TENSORS = {
    f"{kind}.{number}": RNG.integers(0, 2, shape).astype(kind)
    for kind in ("?", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
    for number, shape in enumerate([(), (3,), (0, 2), (2, 3, 1)])
}


def test_theirs_is_read() -> None:
    file = TensorFile(read_source(library.save(TENSORS, {"made": "there"})))
    assert file.metadata == {"made": "there"} and set(file.entries) == set(TENSORS)
    for name, array in TENSORS.items():
        got = file.array(name)
        assert got.dtype == array.dtype and got.shape == array.shape and (got == array).all()


def test_ours_is_read() -> None:
    got = library.load(pack_tensors(TENSORS))
    assert set(got) == set(TENSORS)
    assert all(got[name].dtype == a.dtype and (got[name] == a).all() for name, a in TENSORS.items())


def test_a_model_file_is_read() -> None:
    net = Network.of(3, [Dense(3, 2)], seed=1)
    got = library.load(net.model_bytes())
    assert all((got[f"model/{name}"] == value).all() for name, value in net.parameters().items())
