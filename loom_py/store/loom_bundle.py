"""Loom's model bundle, read strictly: JSON of models, each a config and its weights as JSON in base64.

The format is that of `nn/serialization.go` in github.com/openfluke/loom, bundle version 1, weights `jsonModelB64`; its
layers are converted in `loom_layers.py`.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable
from typing import Any

from loom_py.errors import FileFormatError, LoomError, StateError
from loom_py.layers import Flatten, Sequential
from loom_py.network.grid import Grid, NetworkConfig
from loom_py.shapes import AnyArray, Shape, shape_text, size_of
from loom_py.store.loom_fields import Fields
from loom_py.store.loom_layers import Piece, read_piece
from loom_py.store.source import Source
from loom_py.strict_json import loads

BUNDLE, VERSION, WEIGHTS = "modelhost/bundle", 1, "jsonModelB64"


def read_loom_bundle(source: Source, model_id: str | None = None) -> tuple[str, NetworkConfig, dict[str, AnyArray]]:
    """Id, config and arrays by full name of one model; all sizes are checked against the arrays first.

    Raises:
        FileFormatError: the bundle is damaged, hostile or of another version, or a layer has no equivalent.
        StateError: there is no such model, or several and none was named.
    """
    bundle = Fields(loads(source.read(0, source.size), "Loom bundle"), "Loom bundle")
    if bundle.take("type") != BUNDLE or bundle.take("version") != VERSION:
        got = f"{bundle.take('type')!r} version {bundle.take('version')!r}"
        raise FileFormatError.expected("Loom bundle", expected=f"{BUNDLE!r} version {VERSION}", got=got[:120])
    models = [Fields(model, "model of a Loom bundle") for model in bundle.items("models")]
    ids = [model.text("id") for model in models]
    wanted = ids[0] if model_id is None and len(ids) == 1 else model_id
    if len(set(ids)) != len(ids):
        raise FileFormatError.expected("models of a Loom bundle", expected="different ids", got=", ".join(ids)[:80])
    if wanted not in ids:
        raise StateError.expected("model_id", expected=f"one of {', '.join(ids)}"[:400], got=repr(wanted)[:120])
    try:
        return (wanted, *_network(models[ids.index(wanted)]))
    except FileFormatError:
        raise
    except (LoomError, OverflowError) as error:
        raise FileFormatError(f"model {wanted[:80]}: {error}") from None


def _network(model: Fields) -> tuple[NetworkConfig, dict[str, AnyArray]]:
    config = Fields(model.take("cfg"), "cfg of a Loom bundle")
    extents = [config.size(name) for name in ("grid_rows", "grid_cols", "layers_per_cell")]
    layers = config.items("layers")
    arrays = _weights(Fields(model.take("weights"), "weights of a Loom bundle"))
    if not math.prod(extents) == len(layers) == len(arrays):
        got = f"{len(layers)} of them and {len(arrays)} of weights"
        raise FileFormatError.expected("Loom layers", expected=f"{math.prod(extents)}, one for each slot", got=got)
    pieces = _pieces(zip(layers, arrays, strict=True))
    grid = Grid(*extents)
    grid.layers = [piece.layer for piece in pieces]
    named = {f"{index}.{name}": array for index, piece in enumerate(pieces) for name, array in piece.arrays.items()}
    return NetworkConfig(pieces[0].takes, grid, None), named


def _pieces(layers: Iterable[tuple[Any, Any]]) -> list[Piece]:
    """Layers that fit each other; a Flatten is inserted before a layer of vectors if its input has more axes."""
    pieces: list[Piece] = []
    kinds: list[str] = []
    for index, (definition, weights) in enumerate(layers):
        fields = Fields(definition, f"layer {index} of a Loom bundle")
        shape = pieces[-1].gives if pieces else None
        piece = read_piece(fields, Fields(weights, fields.where), shape, tuple(kinds))
        pieces.append(_fitted(piece, piece.takes if shape is None else shape, fields))
        kinds.append(fields.text("type"))
    return pieces


def _fitted(piece: Piece, shape: Shape, fields: Fields) -> Piece:
    if shape == piece.takes:
        return piece
    if len(piece.takes) == 1 and size_of(shape) == piece.takes[0]:
        arrays = {f"layers.1.{name}": array for name, array in piece.arrays.items()}
        return Piece(Sequential([Flatten(), piece.layer]), shape, piece.gives, arrays)
    raise FileFormatError.expected(
        f"{fields.where} ({fields.text('type')})", expected=f"the output shape {shape_text(shape)} of the layer before",
        got=shape_text(piece.takes),
    )  # fmt: skip


def _weights(fields: Fields) -> list[Any]:
    if fields.take("fmt") != WEIGHTS:
        raise FileFormatError.expected("Loom weights", expected=WEIGHTS, got=repr(fields.take("fmt"))[:80])
    try:
        raw = base64.b64decode(fields.text("data"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FileFormatError(f"Loom weights: expected base64, got invalid text: {error}") from None
    inner = Fields(loads(raw, "Loom weights"), "weights of a Loom bundle")
    if inner.take("type", "float32") != "float32" or inner.take("dtype", "") not in ("", "float32"):
        got = f"{inner.take('type', '')!r} {inner.take('dtype', '')!r}"[:80]
        raise FileFormatError.expected("Loom weights", expected="float32", got=got)
    return inner.items("layers")
