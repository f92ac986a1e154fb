import { drawAxes } from "../axes";
import { activationOf } from "../blueprint";
import { nearestRow } from "../decimate";
import { el, toggleButton } from "../dom";
import { formatNumber, formatTick } from "../format";
import type { History } from "../history";
import { type LayerState, OUTPUT } from "../layer-state";
import type { Rect } from "../layout";
import {
  drawBand,
  drawCursor,
  drawExtremes,
  drawMeans,
  drawNonFinite,
  fitText,
  type Plot,
  pixelsAcross,
} from "../plot";
import { type Domain, makeScale, type Scale, type ScaleKind } from "../scale";
import { type Panel, type Stage, stepDomain, type View } from "../stage";
import { Surface } from "../surface";
import { font } from "../theme";
import { followCursor } from "./chart-input";
import { gradientDomain, type LayerLines, NORM, outputDomain, reduceLayer } from "./layer-lines";
import { arrangeMultiples, type Multiple } from "./multiples";

/** Small multiples: each layer's output mean ± std, and the norm of its gradient, over the same steps. */
export class LayersPanel implements Panel {
  readonly element: HTMLElement;
  readonly #surface: Surface;
  #shared = true;
  #plots: readonly { readonly rect: Rect; readonly x: Scale }[] = [];

  constructor(stage: Stage) {
    const canvas = el("canvas", { class: "lv-multiples", tabindex: 0, role: "img", "aria-label": LABEL });
    const toggle = toggleButton("Same scale for all", true, (pressed) => {
      this.#shared = pressed;
      stage.invalidate();
    });
    const keys = el(
      "span",
      { class: "lv-legend" },
      el("span", { class: "lv-key lv-key-band" }, "Output mean ± std"),
      el("span", { class: "lv-key lv-key-gradient" }, "Gradient norm, L2, log"),
    );
    const head = el("header", { class: "lv-head" }, el("h2", {}, "Layers over steps"), keys, toggle);
    this.element = el("section", { class: "lv-panel lv-wide", "aria-label": "Layers over steps" }, head, canvas);
    this.#surface = new Surface(canvas, () => stage.invalidate());
    followCursor(canvas, stage, (x, y) => {
      const under = this.#plots.find(
        ({ rect }) => x >= rect.x - 4 && x <= rect.x + rect.width + 4 && y >= rect.y && y <= rect.y + rect.height,
      );
      return (Number.isNaN(x) ? this.#plots[0] : under)?.x;
    });
  }

  draw(view: View): void {
    const { canvas } = this.#surface;
    const available = canvas.parentElement?.clientWidth ?? 0;
    const arranged = arrangeMultiples(view.model.layers.length, this.#surface.width || available, this.#shared);
    const height = `${arranged.height}px`;
    if (canvas.style.height !== height) canvas.style.height = height;
    this.#plots = [];
    const first = arranged.multiples[0];
    if (!this.#surface.begin() || !first) return;
    const steps = stepDomain(view);
    const across = pixelsAcross({ rect: first.outputs, ratio: this.#surface.ratio });
    const lines = view.model.layers.map((state) => reduceLayer(state, view, steps, across));
    const shared = this.#shared ? { outputs: outputDomain(lines), gradients: gradientDomain(lines) } : undefined;
    lines.forEach((line, index) => {
      const place = arranged.multiples[index];
      if (!place) return;
      this.#drawTitle(view, line.state, place);
      this.#drawOutputs(view, line, place, steps, shared?.outputs ?? outputDomain([line]));
      this.#drawGradients(view, line, place, steps, shared?.gradients ?? gradientDomain([line]));
    });
  }

  dispose(): void {
    this.#surface.dispose();
  }

  #drawTitle({ theme }: View, { node }: LayerState, { title }: Multiple): void {
    const { context } = this.#surface;
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

  #drawOutputs(view: View, line: LayerLines, place: Multiple, steps: Domain, domain: Domain): void {
    const plot = this.#plot(view, place.outputs, steps, domain, "linear");
    this.#axes(plot, place, false);
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

  #drawGradients(view: View, line: LayerLines, place: Multiple, steps: Domain, domain: Domain): void {
    const plot = this.#plot(view, place.gradients, steps, domain, "log");
    this.#axes(plot, place, true);
    if (line.state.node.info.num_params === 0) {
      this.#drawEmpty(plot, "no parameters");
      return;
    }
    clip(plot, () => {
      drawNonFinite(plot, line.norm);
      drawExtremes(plot, line.norm, view.theme.accent, 0.3);
      drawMeans(plot, line.norm, view.theme.accent, 1.25);
      drawCursor(plot, view.cursor);
    });
    const row = rowAt(line.state.gradients, view);
    if (row >= 0) this.#drawValue(plot, formatNumber(line.state.gradients.view(view.span).mid(row, NORM)));
  }

  #plot(view: View, rect: Rect, steps: Domain, domain: Domain, kind: ScaleKind): Plot {
    const x = makeScale("linear", steps, [rect.x, rect.x + rect.width]);
    const y = makeScale(kind, domain, [rect.y + rect.height, rect.y]);
    this.#plots = [...this.#plots, { rect, x }];
    return { context: this.#surface.context, theme: view.theme, ratio: this.#surface.ratio, rect, x, y };
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

  /** The newest value, or the one under the cursor, above the chart. */
  #drawValue({ context, rect, theme }: Plot, text: string): void {
    context.font = font(theme, 11, 600);
    context.textAlign = "right";
    context.textBaseline = "alphabetic";
    context.fillStyle = text === "NaN" ? theme.alert : theme.ink;
    context.fillText(text, rect.x + rect.width, rect.y - 4);
  }

  #drawEmpty({ context, rect, theme }: Plot, text: string): void {
    context.font = font(theme, 11);
    context.fillStyle = theme.inkSoft;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, rect.x + rect.width / 2, rect.y + rect.height / 2);
  }
}

const LABEL =
  "Output mean and standard deviation, and gradient norm, of each layer over steps. Arrow keys move the cursor.";

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
