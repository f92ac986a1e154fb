import { activationOf } from "../data/blueprint";
import type { LayerState } from "../data/layer-state";
import { inkOn } from "./colour";
import { formatCount, formatShape } from "./format";
import type { HidpiCanvas } from "./hidpi-canvas";
import type { ColourScale } from "./layer-colours";
import { type LayerBox, METRICS, type NetworkLayout, type Rect } from "./layout";
import { fitText } from "./plot";
import type { StaticLayer } from "./static-layer";
import { font, type Theme } from "./theme";

/** Margin for badges and outlines, in pixels. */
const OFFSET = { x: 1, y: 10 };

type Context = CanvasRenderingContext2D;

/** Inputs of the drawing. */
export interface Picture {
  readonly theme: Theme;
  readonly layout: NetworkLayout;
  readonly layers: readonly LayerState[];
  readonly colours: ColourScale;
  readonly hovered: number | undefined;
}

/** Draws the network; names, shapes and counts, which rarely change, are copied from the layer `names`. */
export function drawNetwork(target: HidpiCanvas, names: StaticLayer, picture: Picture): void {
  const { theme, layout, layers, colours, hovered } = picture;
  const { context } = target;
  context.save();
  context.translate(OFFSET.x, OFFSET.y);
  for (const cell of layout.cells) drawCell(context, theme, cell);
  drawLinks(context, theme, layout);
  for (const box of layout.boxes) {
    const state = layers[box.index];
    if (state) drawBox(context, theme, box, colours, box.index === hovered);
  }
  names.draw(target, keyOf(picture), (to) => drawNames(to, picture));
  for (const box of layout.boxes) {
    const state = layers[box.index];
    if (state) drawValue(context, theme, box, state, colours);
  }
  for (const box of layout.boxes) {
    const state = layers[box.index];
    if (state?.broken) drawBadge(context, theme, box, state);
  }
  context.restore();
}

function drawCell(context: Context, theme: Theme, cell: Rect): void {
  roundRect(context, cell, 10);
  context.fillStyle = theme.sunken;
  context.fill();
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.stroke();
}

function drawBox(context: Context, theme: Theme, box: LayerBox, colours: ColourScale, hovered: boolean): void {
  const fill = fillOf(box, colours);
  roundRect(context, box, 7);
  context.fillStyle = fill ?? theme.surface;
  context.fill();
  context.strokeStyle = hovered ? theme.ink : theme.line;
  context.lineWidth = hovered ? 2.5 : 1;
  context.setLineDash(fill || !box.leaf || hovered ? [] : [4, 3]);
  context.stroke();
  context.setLineDash([]);
}

function fillOf(box: LayerBox, colours: ColourScale): string | undefined {
  return box.leaf ? colours.colour(box.index) : undefined;
}

/** Text colour: black or white on a coloured box, the page's ink colour elsewhere. */
function inkOf(theme: Theme, box: LayerBox, colours: ColourScale): string {
  const fill = fillOf(box, colours);
  return fill ? inkOn(fill) : theme.ink;
}

/** Key of the static layer: changes with every name, position and text colour. */
function keyOf({ theme, layout, layers, colours }: Picture): string {
  const shown = layout.boxes.map((box) => {
    const { type, activation, input_shape, output_shape, num_params } = layers[box.index]?.node.info ?? {};
    const { x, y, width } = box;
    return [x, y, width, inkOf(theme, box, colours), type, activation, input_shape, output_shape, num_params];
  });
  return JSON.stringify([theme.mode, theme.font, shown]);
}

function drawNames(context: Context, { theme, layout, layers, colours }: Picture): void {
  context.save();
  context.translate(OFFSET.x, OFFSET.y);
  for (const box of layout.boxes) {
    const state = layers[box.index];
    if (state && box.leaf) drawLeafText(context, theme, box, state, inkOf(theme, box, colours));
    else if (state) drawHeader(context, theme, box, state);
  }
  context.restore();
}

/** The value of the statistic: the only text that changes with every step. */
function drawValue(context: Context, theme: Theme, box: LayerBox, state: LayerState, colours: ColourScale): void {
  const text = colours.text(box.index);
  if (box.leaf) {
    context.fillStyle = inkOf(theme, box, colours);
    context.font = font(theme, 13, 600);
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillText(text, box.x + 10, box.y + 53);
    return;
  }
  if (state.broken) return; // shown by the badge
  context.fillStyle = theme.inkSoft;
  context.font = font(theme, 11.5);
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText(text, box.x + box.width - 9, box.y + METRICS.header / 2 + 1);
}

function drawLeafText(context: Context, theme: Theme, box: LayerBox, { node }: LayerState, ink: string): void {
  const { info } = node;
  const [left, right] = [box.x + 10, box.x + box.width - 10];
  const width = right - left;
  context.textBaseline = "alphabetic";
  context.fillStyle = ink;
  context.textAlign = "left";
  context.font = font(theme, 13, 600);
  const name = fitText(context, info.type, width);
  context.fillText(name, left, box.y + 19);
  const used = context.measureText(name).width;
  context.font = font(theme, 11.5);
  context.globalAlpha = 0.85;
  const activation = activationOf(info);
  context.textAlign = "right";
  if (activation) context.fillText(fitText(context, activation, width - used - 8), right, box.y + 19);
  context.textAlign = "left";
  context.fillText(fitText(context, shapesOf(info.input_shape, info.output_shape), width), left, box.y + 35);
  const parameters = info.num_params > 0 ? `${formatCount(info.num_params)} par.` : "";
  context.textAlign = "right";
  context.font = font(theme, 11);
  const room = width - 56;
  if (context.measureText(parameters).width <= room) context.fillText(parameters, right, box.y + 53);
  context.globalAlpha = 1;
}

function drawHeader(context: Context, theme: Theme, box: LayerBox, { node }: LayerState): void {
  context.textBaseline = "middle";
  context.fillStyle = theme.ink;
  context.font = font(theme, 12, 600);
  context.textAlign = "left";
  context.fillText(fitText(context, node.info.type, box.width - 70), box.x + 9, box.y + METRICS.header / 2 + 1);
}

/** A badge with a text, since not everyone distinguishes its colour. */
function drawBadge(context: Context, theme: Theme, box: Rect, state: LayerState): void {
  const count = state.nonFinite > 0 ? `×${formatCount(state.nonFinite)}` : "gradient";
  const text = `${state.nanCount > 0 || state.nonFinite === 0 ? "NaN" : "Inf"} ${count}`;
  context.font = font(theme, 11, 700);
  const width = context.measureText(text).width + 14;
  const badge = { x: box.x + box.width - width + 1, y: box.y - 10, width, height: 18 };
  roundRect(context, badge, 9);
  context.fillStyle = theme.alert;
  context.fill();
  context.fillStyle = theme.alertInk;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, badge.x + width / 2, badge.y + 9.5);
}

function drawLinks(context: Context, theme: Theme, layout: NetworkLayout): void {
  const boxes = new Map(layout.boxes.map((box) => [box.index, box]));
  context.strokeStyle = theme.inkSoft;
  context.fillStyle = theme.inkSoft;
  context.lineWidth = 1.25;
  for (const { from, to } of layout.links) {
    const [start, end] = [boxes.get(from), boxes.get(to)];
    if (start && end) drawLink(context, start, end);
  }
}

/** A straight link along a line or column; down and back to the start of the next line. */
function drawLink(context: Context, from: Rect, to: Rect): void {
  const fromMiddle = { x: from.x + from.width / 2, y: from.y + from.height / 2 };
  const toMiddle = { x: to.x + to.width / 2, y: to.y + to.height / 2 };
  const below = to.y >= from.y + from.height;
  context.beginPath();
  if (below && Math.abs(fromMiddle.x - toMiddle.x) < 1) {
    arrow(context, [fromMiddle.x, from.y + from.height], [toMiddle.x, to.y]);
  } else if (to.x >= from.x + from.width) {
    const middle = to.x - METRICS.arrow / 2;
    context.moveTo(from.x + from.width, fromMiddle.y);
    context.lineTo(middle, fromMiddle.y);
    context.lineTo(middle, toMiddle.y);
    arrow(context, [middle, toMiddle.y], [to.x, toMiddle.y]);
  } else {
    const middle = to.y - METRICS.arrow / 2;
    context.moveTo(fromMiddle.x, from.y + from.height);
    context.lineTo(fromMiddle.x, middle);
    context.lineTo(toMiddle.x, middle);
    arrow(context, [toMiddle.x, middle], [toMiddle.x, to.y]);
  }
}

function arrow(context: Context, [x1, y1]: [number, number], [x2, y2]: [number, number]): void {
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
  const angle = Math.atan2(y2 - y1, x2 - x1);
  context.beginPath();
  context.moveTo(x2, y2);
  context.lineTo(x2 - 6 * Math.cos(angle - 0.45), y2 - 6 * Math.sin(angle - 0.45));
  context.lineTo(x2 - 6 * Math.cos(angle + 0.45), y2 - 6 * Math.sin(angle + 0.45));
  context.fill();
}

/** "64 → 32", or one shape if both are equal. */
function shapesOf(input: readonly number[], output: readonly number[]): string {
  const [from, to] = [formatShape(input), formatShape(output)];
  return from === to ? from : `${from} → ${to}`;
}

function roundRect(context: Context, { x, y, width, height }: Rect, radius: number): void {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
}
