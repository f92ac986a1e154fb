import type { LayerNode } from "../data/blueprint";
import { flattenBlueprint } from "../data/blueprint";
import type { Blueprint } from "../data/messages";

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface LayerBox extends Rect {
  readonly index: number;
  readonly leaf: boolean;
}

export interface CellBox extends Rect {
  readonly row: number;
  readonly col: number;
}

/** A link between two boxes, by layer index. */
export interface Link {
  readonly from: number;
  readonly to: number;
}

export interface NetworkLayout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly LayerBox[];
  readonly cells: readonly CellBox[];
  readonly links: readonly Link[];
}

export const METRICS = {
  leafHeight: 62,
  leafMinWidth: 124,
  leafMaxWidth: 340,
  header: 24,
  gap: 10,
  arrow: 22,
  inset: 8,
  cellInset: 10,
} as const;

/** A layer with the size that its box needs. */
interface Measured {
  readonly node: LayerNode;
  readonly minWidth: number;
  readonly height: number;
  readonly sideBySide: boolean;
  readonly children: readonly Measured[];
}

/**
 * Lays out a network's layers in `available` pixels of width, or in more if they would not be legible.
 *
 * Cells form their grid, with the layers of a cell from top to bottom; with a single column of cells, layers run from
 * left to right in lines. Children of a layer are inside it: branches side by side, others from top to bottom.
 */
export function layoutNetwork(blueprint: Blueprint, available: number): NetworkLayout {
  const top = flattenBlueprint(blueprint)
    .filter((node) => node.parent === undefined)
    .map(measure);
  const placed = blueprint.grid_cols <= 1 ? placeLines(top, available) : placeGrid(top, blueprint, available);
  const order = top.map((measured) => measured.node.index);
  const links = order.slice(1).map((to, position) => ({ from: order[position] ?? 0, to }));
  return { ...placed, links: [...links, ...nestedLinks(top)] };
}

function measure(node: LayerNode): Measured {
  const children = node.children.map(measure);
  const sideBySide = children.length > 1 && children.every((child) => /\bbranches\.\d+$/.test(child.node.info.path));
  if (children.length === 0) {
    return { node, children, sideBySide, minWidth: METRICS.leafMinWidth, height: METRICS.leafHeight };
  }
  const widths = children.map((child) => child.minWidth);
  const heights = children.map((child) => child.height);
  const between = (children.length - 1) * (sideBySide ? METRICS.gap : METRICS.arrow);
  const inner = sideBySide ? Math.max(...heights) : sum(heights) + between;
  const minInner = sideBySide ? sum(widths) + between : Math.max(...widths);
  return {
    node,
    children,
    sideBySide,
    minWidth: minInner + 2 * METRICS.inset,
    height: inner + METRICS.header + METRICS.inset,
  };
}

type Placed = Omit<NetworkLayout, "links">;

/** Lines with equal numbers of layers, as many per line as fit. */
function placeLines(top: readonly Measured[], available: number): Placed {
  const minWidth = Math.max(METRICS.leafMinWidth, ...top.map((measured) => measured.minWidth));
  const fit = Math.max(1, Math.floor((available + METRICS.arrow) / (minWidth + METRICS.arrow)));
  const lines = Math.max(1, Math.ceil(top.length / fit));
  const perLine = Math.max(1, Math.ceil(top.length / lines));
  const room = (available - (perLine - 1) * METRICS.arrow) / perLine;
  const width = Math.min(Math.max(room, minWidth), Math.max(METRICS.leafMaxWidth, minWidth));
  const boxes: LayerBox[] = [];
  let y = 0;
  for (let start = 0; start < top.length; start += perLine) {
    const line = top.slice(start, start + perLine);
    const height = Math.max(...line.map((measured) => measured.height));
    line.forEach((measured, position) => {
      const x = position * (width + METRICS.arrow);
      place(measured, { x, y: y + (height - measured.height) / 2, width, height: measured.height }, boxes);
    });
    y += height + METRICS.arrow;
  }
  const used = Math.min(perLine, top.length) * (width + METRICS.arrow) - METRICS.arrow;
  return { width: Math.max(used, 0), height: Math.max(0, y - METRICS.arrow), boxes, cells: [] };
}

function placeGrid(top: readonly Measured[], blueprint: Blueprint, available: number): Placed {
  const { grid_rows: rows, grid_cols: cols } = blueprint;
  const inCell = (row: number, col: number): Measured[] =>
    top.filter(({ node }) => node.info.row === row && node.info.col === col);
  const minWidth = Math.max(METRICS.leafMinWidth, ...top.map((measured) => measured.minWidth)) + 2 * METRICS.cellInset;
  const width = Math.max(minWidth, (available - (cols - 1) * METRICS.arrow) / cols);
  const boxes: LayerBox[] = [];
  const cells: CellBox[] = [];
  let y = 0;
  for (let row = 0; row < rows; row++) {
    const stacks = Array.from({ length: cols }, (_, col) => inCell(row, col));
    const height = Math.max(...stacks.map(stackHeight)) + 2 * METRICS.cellInset;
    stacks.forEach((stack, col) => {
      const cell = { x: col * (width + METRICS.arrow), y, width, height };
      cells.push({ ...cell, row, col });
      const inside = { x: cell.x + METRICS.cellInset, width: width - 2 * METRICS.cellInset };
      placeStack(stack, inside, y + METRICS.cellInset, boxes);
    });
    y += height + METRICS.arrow;
  }
  return { width: cols * (width + METRICS.arrow) - METRICS.arrow, height: y - METRICS.arrow, boxes, cells };
}

function stackHeight(stack: readonly Measured[]): number {
  return stack.length === 0 ? 0 : sum(stack.map((measured) => measured.height)) + (stack.length - 1) * METRICS.arrow;
}

function placeStack(stack: readonly Measured[], inside: Pick<Rect, "x" | "width">, y: number, boxes: LayerBox[]): void {
  for (const measured of stack) {
    place(measured, { ...inside, y, height: measured.height }, boxes);
    y += measured.height + METRICS.arrow;
  }
}

function place(measured: Measured, rect: Rect, boxes: LayerBox[]): void {
  boxes.push({ ...rect, index: measured.node.index, leaf: measured.children.length === 0 });
  const inside = { x: rect.x + METRICS.inset, width: rect.width - 2 * METRICS.inset };
  const y = rect.y + METRICS.header;
  if (!measured.sideBySide) {
    placeStack(measured.children, inside, y, boxes);
    return;
  }
  const spare = inside.width - sum(measured.children.map((child) => child.minWidth));
  const extra = (spare - (measured.children.length - 1) * METRICS.gap) / measured.children.length;
  let x = inside.x;
  for (const child of measured.children) {
    place(child, { x, y, width: child.minWidth + extra, height: child.height }, boxes);
    x += child.minWidth + extra + METRICS.gap;
  }
}

/** Links between consecutive children of a layer. */
function nestedLinks(measured: readonly Measured[]): Link[] {
  return measured.flatMap(({ children, sideBySide }) => {
    const own = sideBySide
      ? []
      : children.slice(1).map((child, position) => ({
          from: children[position]?.node.index ?? 0,
          to: child.node.index,
        }));
    return [...own, ...nestedLinks(children)];
  });
}

/** The innermost box at a point. */
export function boxAt(layout: NetworkLayout, x: number, y: number): LayerBox | undefined {
  const hit = (box: LayerBox): boolean => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
  return layout.boxes.filter(hit).at(-1); // children come after their parents: the last is the innermost
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
