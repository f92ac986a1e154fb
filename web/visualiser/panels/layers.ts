import { activationOf } from "../data/blueprint";
import { nearestRow } from "../data/decimate";
import type { History } from "../data/history";
import { type LayerState, OUTPUT } from "../data/layer-state";
import { drawAxes } from "../draw/axes";
import { el, toggleButton } from "../draw/dom";
import { formatNumber, formatTick } from "../draw/format";
import { HidpiCanvas } from "../draw/hidpi-canvas";
import type { Rect } from "../draw/layout";
import {
  drawBand,
  drawCursor,
  drawExtremes,
  drawMeans,
  drawNonFinite,
  fitText,
  type Plot,
  pixelsAcross,
} from "../draw/plot";
import { type Axis, type Domain, makeScale, type Scale } from "../draw/scale";
import { StaticLayer } from "../draw/static-layer";
import { font } from "../draw/theme";
import { followCursor } from "./chart-input";
import { gradientAxis, type LayerLines, NORM, outputAxis, reduceLayer } from "./layer-lines";
import { arrangeMultiples, type Multiple } from "./multiples";
import { type Panel, type PanelHost, stepDomain, type View } from "./panel-host";

/** The two charts of a layer and their data. */
interface Chart {
  readonly line: LayerLines;
  readonly place: Multiple;
  readonly outputs: Plot;
  readonly gradients: Plot;
}

/** Small multiples: output mean ± std and gradient norm of each layer over the same steps. */
export class LayersPanel implements Panel {
  readonly element: HTMLElement;
  readonly #canvas: HidpiCanvas;
  readonly #static = new StaticLayer();
  #shared = true;
  #plots: readonly { readonly rect: Rect; readonly x: Scale }[] = [];

  constructor(host: PanelHost) {
    const canvas = el("canvas", { class: "lv-multiples", tabindex: 0, role: "img", "aria-label": LABEL });
    const toggle = toggleButton("Same scale for all", true, (pressed) => {
      this.#shared = pressed;
      host.invalidate();
    });
    const keys = el(
      "span",
      { class: "lv-legend" },
      el("span", { class: "lv-key lv-key-band" }, "Output mean ± std"),
      el("span", { class: "lv-key lv-key-gradient" }, "Gradient norm, L2, log"),
    );
    const head = el("header", { class: "lv-head" }, el("h2", {}, "Layers over steps"), keys, toggle);
    this.element = el("section", { class: "lv-panel lv-wide", "aria-label": "Layers over steps" }, head, canvas);
    this.#canvas = new HidpiCanvas(canvas, () => host.invalidate());
    followCursor(canvas, host, (x, y) => {
      const under = this.#plots.find(
        ({ rect }) => x >= rect.x - 4 && x <= rect.x + rect.width + 4 && y >= rect.y && y <= rect.y + rect.height,
      );
      return (Number.isNaN(x) ? this.#plots[0] : under)?.x;
    });
  }

  draw(view: View): void {
    const { element: canvas } = this.#canvas;
    const width = this.#canvas.width || (canvas.parentElement?.clientWidth ?? 0);
    const arranged = arrangeMultiples(view.model.layers.length, width, this.#shared);
    const height = `${arranged.height}px`;
    if (canvas.style.height !== height) canvas.style.height = height;
    this.#plots = [];
    const first = arranged.multiples[0];
    if (!this.#canvas.begin() || !first) return;
    const steps = stepDomain(view);
    const across = pixelsAcross({ rect: first.outputs, ratio: this.#canvas.ratio });
    const lines = view.model.layers.map((state) => reduceLayer(state, view, steps, across));
    const shared = this.#shared ? { outputs: outputAxis(lines), gradients: gradientAxis(lines) } : undefined;
    const charts = lines.flatMap((line, index): Chart[] => {
      const place = arranged.multiples[index];
      if (!place) return [];
      const outputs = this.#plot(view, place.outputs, steps, shared?.outputs ?? outputAxis([line]));
      const gradients = this.#plot(view, place.gradients, steps, shared?.gradients ?? gradientAxis([line]));
      return [{ line, place, outputs, gradients }];
    });
    this.#plots = charts.flatMap(({ outputs, gradients }) => [outputs, gradients]);
    this.#static.draw(this.#canvas, keyOf(view, charts, this.#shared), (context) => {
      for (const chart of charts) this.#drawFrame(context, view, chart);
    });
    for (const { line, outputs, gradients } of charts) {
      this.#drawOutputs(view, line, outputs);
      this.#drawGradients(view, line, gradients);
    }
  }

  dispose(): void {
    this.#canvas.dispose();
  }

  /** Draws the static part of a chart: title and axes. */
  #drawFrame(context: CanvasRenderingContext2D, view: View, { line, place, outputs, gradients }: Chart): void {
    drawTitle(context, view, line.state, place);
    this.#axes({ ...outputs, context }, place, false);
    this.#axes({ ...gradients, context }, place, true);
    if (line.state.node.info.num_params === 0) drawEmpty({ ...gradients, context }, "no parameters");
  }

  #drawOutputs(view: View, line: LayerLines, plot: Plot): void {
    clip(plot, () => {
      drawNonFinite(plot, line.mean);
      drawBand(plot, line.low, line.high, view.theme.train, 0.22);
      drawMeans(plot, line.mean, view.theme.train, 1.5);
      drawCursor(plot, view.cursor);
    });
    const row = rowAt(line.state.outputs, view);
    if (row < 0) return;
    const rows = line.state.outputs.view(view.span);
    const [mid, high] = [rows.mid(row, OUTPUT.mean), rows.mid(row, OUTPUT.high)];
    this.#drawValue(plot, Number.isNaN(mid) ? "NaN" : `${formatNumber(mid)} ± ${formatNumber(high - mid)}`);
  }

  #drawGradients(view: View, line: LayerLines, plot: Plot): void {
    if (line.state.node.info.num_params === 0) return;
    clip(plot, () => {
      drawNonFinite(plot, line.norm);
      drawExtremes(plot, line.norm, view.theme.accent, 0.3);
      drawMeans(plot, line.norm, view.theme.accent, 1.25);
      drawCursor(plot, view.cursor);
    });
    const row = rowAt(line.state.gradients, view);
    if (row >= 0) this.#drawValue(plot, formatNumber(line.state.gradients.view(view.span).mid(row, NORM)));
  }

  #plot(view: View, rect: Rect, steps: Domain, { kind, domain, zeros }: Axis): Plot {
    const x = makeScale("linear", steps, [rect.x, rect.x + rect.width]);
    const y = makeScale(kind, domain, [rect.y + rect.height, rect.y], zeros);
    return { context: this.#canvas.context, theme: view.theme, ratio: this.#canvas.ratio, rect, x, y };
  }

  #axes(plot: Plot, place: Multiple, last: boolean): void {
    const labels = place.labels === "outside" || !this.#shared ? place.labels : "none";
    const xTicks = Math.max(2, Math.floor(plot.rect.width / 70));
    drawAxes(plot, {
      format: formatTick,
      yTicks: 4,
      yLabels: labels,
      xTicks,
      ...(last ? { xFormat: formatTick } : {}),
    });
  }

  /** Draws the latest value, or the one at the cursor, above the chart. */
  #drawValue({ context, rect, theme }: Plot, text: string): void {
    context.font = font(theme, 11, 600);
    context.textAlign = "right";
    context.textBaseline = "alphabetic";
    context.fillStyle = text === "NaN" ? theme.alert : theme.ink;
    context.fillText(text, rect.x + rect.width, rect.y - 4);
  }
}

const LABEL =
  "Output mean and standard deviation, and gradient norm, of each layer over steps. Arrow keys move the cursor.";

/** Key of the static layer: changes with every title and axis. */
function keyOf({ theme }: View, charts: readonly Chart[], shared: boolean): string {
  const shown = charts.map(({ line, outputs, gradients }) => {
    const { path, type, activation, num_params } = line.state.node.info;
    const { x, y } = outputs;
    return [path, type, activation, num_params, x.domain, y.domain, gradients.y.domain, gradients.y.ticks(1)];
  });
  return JSON.stringify([theme.mode, theme.font, shared, shown]);
}

function clip({ context, rect }: Plot, draw: () => void): void {
  context.save();
  context.beginPath();
  context.rect(rect.x, rect.y - 1, rect.width + 2, rect.height + 2);
  context.clip();
  draw();
  context.restore();
}

function rowAt(history: History, { span, cursor }: View): number {
  const rows = history.view(span);
  return cursor === undefined ? rows.length - 1 : nearestRow(rows, cursor);
}

function drawTitle(
  context: CanvasRenderingContext2D,
  { theme }: View,
  { node }: LayerState,
  { title }: Multiple,
): void {
  const activation = activationOf(node.info);
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.font = font(theme, 12, 600);
  context.fillStyle = theme.ink;
  const name = fitText(context, `${node.info.path}  ${node.info.type}`, title.width);
  context.fillText(name, title.x, title.y + 12);
  const used = context.measureText(name).width + 6;
  context.font = font(theme, 11.5);
  context.fillStyle = theme.inkSoft;
  if (activation) context.fillText(fitText(context, activation, title.width - used), title.x + used, title.y + 12);
}

function drawEmpty({ context, rect, theme }: Plot, text: string): void {
  context.font = font(theme, 11);
  context.fillStyle = theme.inkSoft;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, rect.x + rect.width / 2, rect.y + rect.height / 2);
}
