"""Blueprint: the structure of a network, with all counts read off its arrays and its Program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from loom_py.engine.engine import Engine
from loom_py.engine.layout import Slot
from loom_py.layers import Layer
from loom_py.network.grid import Grid
from loom_py.network.table import INDENT, Row, html_table
from loom_py.shapes import Shape, shape_text, size_of


@dataclass(frozen=True, kw_only=True)
class LayerBlueprint:
    """Structure of one layer. Shapes are those of one sample, without the batch axis."""

    index: int
    """Position of the top-level layer in reading order."""
    row: int
    """Row of its cell."""
    col: int
    """Column of its cell."""
    layer: int
    """Slot in its cell."""
    path: str
    """Path of the layer, such as "3" or "3.branches.1"."""
    type: str
    """Class name."""
    activation: str | None
    """Activation function; None if the layer has none."""
    input_shape: Shape
    """Shape of one input sample."""
    output_shape: Shape
    """Shape of one output sample."""
    input_size: int
    """Elements of one input sample."""
    output_size: int
    """Elements of one output sample."""
    num_params: int
    """Number of trained values, nested layers included."""
    param_shapes: dict[str, Shape]
    """The layer's own arrays by name."""
    fan_in: int | None
    """Inputs summed by each unit; None if the layer has no such weights."""
    unit_axis: int
    """Axis of the units in the batched output."""
    flops: int
    """Floating-point operations of one sample's forward pass, nested layers included."""
    bytes: int
    """Bytes of the trained values."""
    children: tuple[LayerBlueprint, ...] = ()
    """Nested layers."""


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """Structure of a network; `str()` draws it."""

    model_id: str
    """Name of the model."""
    grid_rows: int
    """Rows of the grid."""
    grid_cols: int
    """Columns of the grid."""
    layers_per_cell: int
    """Slots of a cell."""
    total_layers: int
    """Slots of the grid; empty ones count as Identity."""
    total_params: int
    """Number of trained values of the whole network."""
    input_shape: Shape
    """Shape of one input sample."""
    output_shape: Shape
    """Shape of one output sample."""
    flops: int
    """Floating-point operations of one sample's forward pass."""
    layers: tuple[LayerBlueprint, ...] = field(repr=False)
    """Top-level layers in reading order."""

    def walk(self) -> Iterator[LayerBlueprint]:
        """All layers, nested ones after their parent."""

        def down(layers: tuple[LayerBlueprint, ...]) -> Iterator[LayerBlueprint]:
            for layer in layers:
                yield layer
                yield from down(layer.children)

        return down(self.layers)

    def __str__(self) -> str:
        return draw(self)

    def _repr_html_(self) -> str:
        """The table that a notebook shows."""
        heads = ("layer", "type", "output", "parameters", "FLOPs")
        total = ("total", "", shape_text(self.output_shape), self.total_params, self.flops)
        caption = f"{self.model_id}: input {shape_text(self.input_shape)}"
        return html_table(caption, heads, [_row(layer) for layer in self.walk()], total)


def make_blueprint(engine: Engine, grid: Grid, input_shape: Shape, model_id: str) -> Blueprint:
    """Read the structure off an engine's layers, layout and inference Program."""
    facts = _Facts(engine, input_shape)
    layers = tuple(facts.layer(slot, str(slot.index), layer) for slot, layer in grid.slots())
    return Blueprint(
        model_id=model_id,
        grid_rows=grid.rows,
        grid_cols=grid.cols,
        layers_per_cell=grid.layers_per_cell,
        total_layers=len(layers),
        total_params=engine.layout.count,
        input_shape=input_shape,
        output_shape=layers[-1].output_shape,
        flops=sum(layer.flops for layer in layers),
        layers=layers,
    )


class _Facts:
    """Shapes and FLOPs of every path, from one recording at batch 1."""

    def __init__(self, engine: Engine, input_shape: Shape) -> None:
        self.shapes, program = engine.compiler.survey((1, *input_shape))
        self.engine = engine
        self.flops: dict[str, int] = {}
        for instruction in program.instructions:
            path = program.spans[instruction.span].path
            while path:
                self.flops[path] = self.flops.get(path, 0) + program.cost(instruction)
                path = path.rpartition(".")[0]

    def layer(self, slot: Slot, path: str, layer: Layer) -> LayerBlueprint:
        children = tuple(self.layer(slot, f"{path}.{name}", child) for name, child in layer.children())
        own = sum(size_of(p.shape) for p in layer.parameters() if p.trained)
        params = own + sum(c.num_params for c in children)
        x, y = self.shapes[path]
        return LayerBlueprint(
            index=slot.index, row=slot.row, col=slot.col, layer=slot.layer, path=path,
            type=type(layer).__name__, activation=layer.activation_name,
            input_shape=x, output_shape=y, input_size=size_of(x), output_size=size_of(y),
            num_params=params, param_shapes={p.name: p.shape for p in layer.parameters()},
            fan_in=layer.fan_in, unit_axis=self.engine.compiler.unit_axes[path], flops=self.flops.get(path, 0),
            bytes=4 * params, children=children,
        )  # fmt: skip


def draw(b: Blueprint) -> str:
    """The blueprint as boxes: one for each cell, one line for each layer, nested layers indented."""
    cells = [[_cell_lines(b, row, col) for col in range(b.grid_cols)] for row in range(b.grid_rows)]
    width = max(len(line) for row in cells for cell in row for line in cell) + 2
    body = [
        f"Grid: {_count(b.grid_rows, 'row')} × {_count(b.grid_cols, 'column')}",
        f"Total: {_count(b.total_layers, 'layer')}, {short(b.total_params)} parameters",
        "",
    ]
    for row in cells:
        height = max(len(cell) for cell in row)
        body.append(" ".join("┌" + "─" * width + "┐" for _ in row))
        for line in range(height):
            body.append(" ".join(f"│{(cell[line] if line < len(cell) else ''):^{width}}│" for cell in row))
        body.append(" ".join("└" + "─" * width + "┘" for _ in row))
    inner = max(len(line) for line in body) + 2
    frame = "─" * inner
    title = f"│{'NETWORK':^{inner}}│"
    return "\n".join([f"┌{frame}┐", title, *(f"│ {line:<{inner - 1}}│" for line in body), f"└{frame}┘"])


def _row(layer: LayerBlueprint) -> Row:
    depth = layer.path.count(".")
    kind = layer.type + _activation(layer)
    return (INDENT * depth + layer.path, kind, shape_text(layer.output_shape), layer.num_params, layer.flops)


def _activation(layer: LayerBlueprint) -> str:
    return f" {layer.activation}" if layer.activation not in (None, "linear") else ""


def _cell_lines(b: Blueprint, row: int, col: int) -> list[str]:
    found: list[str] = []
    for layer in b.layers:
        if (layer.row, layer.col) == (row, col):
            found += _layer_lines(layer, 0)
    return found


def _layer_lines(layer: LayerBlueprint, depth: int) -> list[str]:
    same = layer.input_shape == layer.output_shape and not layer.num_params
    shapes = "" if same else f" {shape_text(layer.input_shape)}→{shape_text(layer.output_shape)}"
    lines = ["  " * depth + layer.type + shapes + _activation(layer)]
    return lines + [line for child in layer.children for line in _layer_lines(child, depth + 1)]


def _count(n: int, word: str) -> str:
    return f"{n} {word}" + ("" if n == 1 else "s")


def short(n: int) -> str:
    """A count in short form: 950, 12.3K, 2.36M, 1.20B."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**4, "K")):
        if n >= size:
            digits = 2 if letter != "K" else 1
            return f"{n / (1000 if letter == 'K' else size):.{digits}f}{letter}"
    return f"{n:,}"
