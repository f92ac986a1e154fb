import type { Decimated } from "../data/decimate";
import type { Rect } from "./layout";
import type { Scale } from "./scale";
import { font, type Theme } from "./theme";

/** Drawing context, area and scales of one chart. `ratio` is device pixels per CSS pixel. */
export interface Plot {
  readonly context: CanvasRenderingContext2D;
  readonly theme: Theme;
  readonly ratio: number;
  readonly rect: Rect;
  readonly x: Scale;
  readonly y: Scale;
}

/** Width of the plot in device pixels, the resolution of decimation. */
export function pixelsAcross(plot: Pick<Plot, "rect" | "ratio">): number {
  return Math.max(2, Math.round(plot.rect.width * plot.ratio));
}

/** The range of each pixel column, so that no spike is lost when many steps share a pixel. */
export function drawExtremes(plot: Plot, data: Decimated, colour: string, alpha: number): void {
  const { context } = plot;
  context.save();
  context.globalAlpha = alpha;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.lineJoin = "round";
  context.beginPath();
  trace(plot, data, (pixel, px, open) => {
    const low = plot.y.at(data.low[pixel] ?? 0);
    const high = plot.y.at(data.high[pixel] ?? 0);
    if (open) context.lineTo(px, high);
    else context.moveTo(px, high);
    context.lineTo(px, low);
  });
  context.stroke();
  context.restore();
}

/** A line through the means of the pixel columns, with gaps at NaN. */
export function drawMeans(plot: Plot, data: Decimated, colour: string, width: number): void {
  const { context } = plot;
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.lineCap = "round";
  context.beginPath();
  trace(plot, data, (pixel, px, open) => {
    const at = plot.y.at(data.mid[pixel] ?? 0);
    if (open) context.lineTo(px, at);
    else {
      context.moveTo(px, at);
      context.lineTo(px + 0.01, at); // a lone measurement is a dot
    }
  });
  context.stroke();
}

/** Small filled circles, for measurements far apart. */
export function drawDots(plot: Plot, data: Decimated, colour: string, radius: number): void {
  const { context, theme } = plot;
  trace(plot, data, (pixel, px) => {
    context.beginPath();
    context.arc(px, plot.y.at(data.mid[pixel] ?? 0), radius, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    context.strokeStyle = theme.surface;
    context.lineWidth = 1.5;
    context.stroke();
  });
}

/** The area between two lines. */
export function drawBand(plot: Plot, low: Decimated, high: Decimated, colour: string, alpha: number): void {
  const { context, y } = plot;
  const close = (edge: [number, number][]): void => {
    if (edge.length === 0) return;
    edge.reverse();
    for (const [px, at] of edge) context.lineTo(px, at);
    context.closePath();
  };
  context.save();
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.beginPath();
  let edge: [number, number][] = [];
  trace(plot, high, (pixel, px, open) => {
    if (!open) {
      close(edge);
      edge = [];
      context.moveTo(px, y.at(high.high[pixel] ?? 0));
    } else context.lineTo(px, y.at(high.high[pixel] ?? 0));
    edge.push([px, y.at(low.low[pixel] ?? 0)]);
  });
  close(edge);
  context.fill();
  context.restore();
}

/** Marks NaN and infinite values with a shaded strip and a cross, since a gap alone is easily overlooked. */
export function drawNonFinite(plot: Plot, data: Decimated): void {
  const { context, theme, rect, ratio } = plot;
  let start = -1;
  let end = -1;
  const flush = (): void => {
    if (start < 0) return;
    const left = Math.max(rect.x, rect.x + start / ratio - 1);
    const right = Math.min(rect.x + rect.width, rect.x + end / ratio + 1);
    context.save();
    context.globalAlpha = 0.16;
    context.fillStyle = theme.alert;
    context.fillRect(left, rect.y, Math.max(2, right - left), rect.height);
    context.restore();
    drawCross(plot, (left + right) / 2, rect.y + 9);
    start = -1;
  };
  for (let pixel = 0; pixel < data.width; pixel++) {
    if ((data.count[pixel] ?? 0) === 0) continue;
    if ((data.bad[pixel] ?? 0) === 0) flush();
    else {
      if (start < 0) start = pixel;
      end = pixel;
    }
  }
  flush();
}

function drawCross(plot: Plot, at: number, y: number): void {
  const { context, theme, rect } = plot;
  context.strokeStyle = theme.alert;
  context.lineWidth = 2;
  context.lineCap = "round";
  strokeLine(context, at - 3.5, y - 3.5, at + 3.5, y + 3.5);
  strokeLine(context, at - 3.5, y + 3.5, at + 3.5, y - 3.5);
  const roomRight = at + 36 < rect.x + rect.width;
  context.font = font(theme, 11, 600);
  context.fillStyle = theme.alert;
  context.textAlign = roomRight ? "left" : "right";
  context.textBaseline = "middle";
  context.fillText("NaN", roomRight ? at + 8 : at - 8, y);
}

/** A vertical hairline at the step of the cursor. */
export function drawCursor(plot: Plot, step: number | undefined): void {
  if (step === undefined) return;
  const { context, theme, rect } = plot;
  const at = crisp(plot, plot.x.at(step));
  if (at < rect.x || at > rect.x + rect.width + 1) return;
  context.strokeStyle = theme.inkSoft;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  strokeLine(context, at, rect.y, at, rect.y + rect.height);
  context.setLineDash([]);
}

/** Visits pixel columns with a finite value; `open` is true where the line continues from the one before. */
function trace(plot: Plot, data: Decimated, visit: (pixel: number, px: number, open: boolean) => void): void {
  let open = false;
  for (let pixel = 0; pixel < data.width; pixel++) {
    if ((data.count[pixel] ?? 0) === 0) continue; // no step at this pixel: the line continues across it
    if (Number.isNaN(data.mid[pixel] ?? Number.NaN)) {
      open = false;
      continue;
    }
    visit(pixel, plot.rect.x + pixel / plot.ratio, open);
    open = true;
  }
}

export function strokeLine(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/** Centre of a device pixel, where a hairline is sharp. */
export function crisp(plot: Pick<Plot, "ratio">, at: number): number {
  return (Math.floor(at * plot.ratio) + 0.5) / plot.ratio;
}

/** The text, shortened with an ellipsis to fit the width. */
export function fitText(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  for (let length = text.length - 1; length > 0; length--) {
    const shorter = `${text.slice(0, length).trimEnd()}…`;
    if (context.measureText(shorter).width <= width) return shorter;
  }
  return "";
}
