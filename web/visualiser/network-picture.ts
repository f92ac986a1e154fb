import { activationOf } from "./blueprint";
import { inkOn } from "./colour";
import { formatCount, formatShape } from "./format";
import type { ColourScale } from "./layer-colours";
import type { LayerState } from "./layer-state";
import { type LayerBox, METRICS, type NetworkLayout, type Rect } from "./layout";
import { fitText } from "./plot";
import { font, type Theme } from "./theme";

/** Room for badges and outlines at the canvas's edges. */
const OFFSET = { x: 1, y: 10 };

type Context = CanvasRenderingContext2D;

export function drawNetwork(
  context: Context,
  theme: Theme,
  layout: NetworkLayout,
  layers: readonly LayerState[],
  colours: ColourScale,
  hovered: number | undefined,
): void {
  context.save();
  context.translate(OFFSET.x, OFFSET.y);
  for (const cell of layout.cells) drawCell(context, theme, cell);
  drawLinks(context, theme, layout);
  for (const box of layout.boxes) {
    const state = layers[box.index];
    if (state) drawBox(context, theme, box, state, colours, box.index === hovered);
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

function drawBox(
  context: Context,
  theme: Theme,
  box: LayerBox,
  state: LayerState,
  colours: ColourScale,
  hovered: boolean,
): void {
  const fill = box.leaf ? colours.colour(box.index) : undefined;
  roundRect(context, box, 7);
  context.fillStyle = fill ?? theme.surface;
  context.fill();
  context.strokeStyle = hovered ? theme.ink : theme.line;
  context.lineWidth = hovered ? 2.5 : 1;
  context.setLineDash(fill || !box.leaf || hovered ? [] : [4, 3]);
  context.stroke();
  context.setLineDash([]);
  const ink = fill ? inkOn(fill) : theme.ink;
  if (box.leaf) drawLeafText(context, theme, box, state, colours.text(box.index), ink);
  else drawHeader(context, theme, box, state, state.broken ? "" : colours.text(box.index)); // the badge says it
}

function drawLeafText(
  context: Context,
  theme: Theme,
  box: LayerBox,
  { node }: LayerState,
  value: string,
  ink: string,
): void {
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
  context.font = font(theme, 13, 600);
  context.textAlign = "left";
  context.fillText(value, left, box.y + 53);
}

function drawHeader(context: Context, theme: Theme, box: LayerBox, { node }: LayerState, value: string): void {
  context.textBaseline = "middle";
  context.fillStyle = theme.ink;
  context.font = font(theme, 12, 600);
  context.textAlign = "left";
  context.fillText(fitText(context, node.info.type, box.width - 70), box.x + 9, box.y + METRICS.header / 2 + 1);
  context.font = font(theme, 11.5);
  context.fillStyle = theme.inkSoft;
  context.textAlign = "right";
  context.fillText(value, box.x + box.width - 9, box.y + METRICS.header / 2 + 1);
}

/** A badge in words as well as colour, since colour alone says nothing to some. */
function drawBadge(context: Context, theme: Theme, box: Rect, state: LayerState): void {
  const nan = (state.forward?.nan_count || 0) + (state.backward?.nan_count || 0);
  const count = state.nonFinite > 0 ? `×${formatCount(state.nonFinite)}` : "gradient";
  const text = `${nan > 0 || state.nonFinite === 0 ? "NaN" : "Inf"} ${count}`;
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

/** Straight along a line or stack; down and back where the next line begins. */
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

/** "64 → 32", or one shape where a layer keeps it. */
function shapesOf(input: readonly number[], output: readonly number[]): string {
  const [from, to] = [formatShape(input), formatShape(output)];
  return from === to ? from : `${from} → ${to}`;
}

function roundRect(context: Context, { x, y, width, height }: Rect, radius: number): void {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
}
