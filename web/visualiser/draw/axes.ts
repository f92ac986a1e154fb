import { crisp, type Plot, strokeLine } from "./plot";
import { font } from "./theme";

export interface AxisOptions {
  readonly format: (value: number) => string;
  readonly yTicks: number;
  /** Place of the numbers: left of the plot, or inside it where there is no room. */
  readonly yLabels: "outside" | "inside" | "none";
  readonly xTicks: number;
  readonly xFormat?: (value: number) => string;
}

export function drawAxes(plot: Plot, options: AxisOptions): void {
  const { context, theme, rect, x, y } = plot;
  context.font = font(theme, 11);
  context.lineWidth = 1;
  context.strokeStyle = theme.grid;
  const ticks = y.ticks(options.yTicks).map((tick) => ({ tick, at: crisp(plot, y.at(tick)) }));
  for (const { at } of ticks) strokeLine(context, rect.x, at, rect.x + rect.width, at);
  if (options.xFormat)
    drawXLabels(plot, x.ticks(options.xTicks).filter(Number.isInteger), options.xFormat, options.yLabels === "outside");
  if (options.yLabels === "none") return;
  context.fillStyle = theme.inkSoft;
  const outside = options.yLabels === "outside";
  context.textAlign = outside ? "right" : "left";
  context.textBaseline = outside ? "middle" : "bottom";
  for (const { tick, at } of ticks) {
    if (!outside && at - 12 < rect.y) continue; // no room above the line
    context.fillText(options.format(tick), outside ? rect.x - 7 : rect.x + 1, outside ? at : at - 1);
  }
}

function drawXLabels(plot: Plot, ticks: readonly number[], format: (value: number) => string, named: boolean): void {
  const { context, theme, rect, x } = plot;
  const bottom = rect.y + rect.height;
  context.strokeStyle = theme.line;
  strokeLine(context, rect.x, crisp(plot, bottom), rect.x + rect.width, crisp(plot, bottom));
  context.fillStyle = theme.inkSoft;
  context.textBaseline = "top";
  if (named) {
    context.textAlign = "right";
    context.fillText("step", rect.x - 7, bottom + 7);
  }
  for (const tick of ticks) {
    const at = x.at(tick);
    const text = format(tick);
    const half = context.measureText(text).width / 2;
    context.textAlign = at + half > rect.x + rect.width ? "right" : at - half < rect.x - 8 ? "left" : "center";
    context.fillText(text, at, bottom + 7);
  }
}
