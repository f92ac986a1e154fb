import { type Decimated, decimate, extent, nearestRow, positiveExtent } from "../data/decimate";
import type { History } from "../data/history";
import { RAW, type RunModel, SMOOTH } from "../data/run-model";
import { drawAxes } from "../draw/axes";
import { el, setText, toggleButton } from "../draw/dom";
import { ABSENT, formatCount, formatTick } from "../draw/format";
import { HidpiCanvas } from "../draw/hidpi-canvas";
import { drawCursor, drawDots, drawExtremes, drawMeans, drawNonFinite, type Plot, pixelsAcross } from "../draw/plot";
import {
  type Axis,
  type Domain,
  logAxis,
  makeScale,
  paddedDomain,
  type Scale,
  type ScaleKind,
  settledDomain,
} from "../draw/scale";
import { StaticLayer } from "../draw/static-layer";
import { followCursor } from "./chart-input";
import { type Panel, type PanelHost, stepDomain, type View } from "./panel-host";

export interface CurveOptions {
  readonly title: string;
  readonly note: string;
  readonly train: (model: RunModel) => History;
  readonly validation: (model: RunModel) => History;
  readonly format: (value: number) => string;
  readonly formatTick: (value: number) => string;
  /** Range of possible values; the axis never extends beyond it. */
  readonly bounds: Domain;
  readonly logToggle: boolean;
}

/** Lines of the chart, reduced to pixels. */
interface Lines {
  readonly raw: Decimated;
  readonly smooth: Decimated;
  readonly validation: Decimated;
  /** Whether validation has few enough points for a dot each. */
  readonly sparse: boolean;
}

const MARGIN = { left: 46, right: 12, top: 8, bottom: 24 };

/** Chart of one quantity over steps: training (raw faint, smoothed strong) and validation. */
export class CurvePanel implements Panel {
  readonly element: HTMLElement;
  readonly #canvas: HidpiCanvas;
  readonly #train = legendItem("Train", "train");
  readonly #validation = legendItem("Validation", "validation");
  readonly #static = new StaticLayer();
  #label = "";
  #kind: ScaleKind = "linear";
  #x: Scale | undefined;

  constructor(
    readonly options: CurveOptions,
    host: PanelHost,
  ) {
    const canvas = el("canvas", { class: "lv-curve", tabindex: 0, role: "img", "aria-label": options.title });
    const toggle = toggleButton("Log scale", false, (pressed) => {
      this.#kind = pressed ? "log" : "linear";
      host.invalidate();
    });
    const head = el(
      "header",
      { class: "lv-head" },
      el("h2", { title: options.note }, options.title),
      el("span", { class: "lv-legend" }, this.#train.element, this.#validation.element),
      ...(options.logToggle ? [toggle] : []),
    );
    this.element = el("section", { class: "lv-panel", "aria-label": options.title }, head, canvas);
    this.#canvas = new HidpiCanvas(canvas, () => host.invalidate());
    followCursor(canvas, host, () => this.#x);
  }

  draw(view: View): void {
    this.#drawLegend(view);
    const target = this.#canvas;
    if (!target.begin()) return;
    const rect = {
      x: MARGIN.left,
      y: MARGIN.top,
      width: target.width - MARGIN.left - MARGIN.right,
      height: target.height - MARGIN.top - MARGIN.bottom,
    };
    if (rect.width < 20 || rect.height < 20) return;
    this.#x = makeScale("linear", stepDomain(view), [rect.x, rect.x + rect.width]);
    const lines = this.#reduce(view, this.#x.domain, pixelsAcross({ rect, ratio: target.ratio }));
    const axis = this.#axis(lines);
    const y = makeScale(axis.kind, axis.domain, [rect.y + rect.height, rect.y], axis.zeros);
    const plot = { context: target.context, theme: view.theme, ratio: target.ratio, rect, x: this.#x, y };
    const key = JSON.stringify([view.theme.mode, view.theme.font, this.#x.domain, axis]);
    this.#static.draw(target, key, (context) =>
      drawAxes(
        { ...plot, context },
        {
          format: this.options.formatTick,
          yTicks: Math.max(2, Math.floor(rect.height / 32)),
          yLabels: "outside",
          xTicks: Math.max(2, Math.floor(rect.width / 90)),
          xFormat: formatTick,
        },
      ),
    );
    this.#drawLines(plot, view, lines);
  }

  dispose(): void {
    this.#canvas.dispose();
  }

  #reduce({ model, span }: View, [from, to]: Domain, across: number): Lines {
    const train = this.options.train(model).view(span);
    const validation = this.options.validation(model).view(span);
    return {
      raw: decimate(train, RAW, from, to, across),
      smooth: decimate(train, SMOOTH, from, to, across),
      validation: decimate(validation, RAW, from, to, across),
      sparse: validation.length * 14 < across,
    };
  }

  #drawLines(plot: Plot, view: View, { raw, smooth, validation, sparse }: Lines): void {
    const { context, rect, theme } = plot;
    context.save();
    context.beginPath();
    context.rect(rect.x - 4, rect.y - 4, rect.width + 8, rect.height + 8);
    context.clip();
    drawNonFinite(plot, raw);
    drawExtremes(plot, raw, theme.train, 0.28);
    drawMeans(plot, smooth, theme.train, 2);
    drawMeans(plot, validation, theme.validation, 2);
    if (sparse) drawDots(plot, validation, theme.validation, 3.5);
    drawCursor(plot, view.cursor);
    context.restore();
  }

  /** Axis of all lines, within the bounds, and from 0 if that is the lower bound. */
  #axis({ raw, smooth, validation }: Lines): Axis {
    if (this.#kind === "log") return logAxis(positiveExtent(raw, smooth, validation));
    const found = extent(raw, smooth, validation);
    if (!found) return { kind: "linear", domain: [0, 1], zeros: false };
    const [least, most] = found;
    const [low, high] = this.options.bounds;
    const [from, to] = settledDomain("linear", paddedDomain("linear", [low === 0 ? Math.min(least, 0) : least, most]));
    return { kind: "linear", domain: [Math.max(low, from), Math.min(high, to)], zeros: false };
  }

  #drawLegend({ model, span, cursor }: View): void {
    const value = (history: History, column: number): number | undefined => {
      const rows = history.view(span);
      const row = cursor === undefined ? rows.length - 1 : nearestRow(rows, cursor);
      return row < 0 ? undefined : rows.mid(row, column);
    };
    const write = (item: LegendItem, found: number | undefined): void => {
      setText(item.value, found === undefined ? ABSENT : this.options.format(found));
      item.value.classList.toggle("lv-bad", found !== undefined && !Number.isFinite(found));
    };
    const train = value(this.options.train(model), SMOOTH);
    const validation = value(this.options.validation(model), RAW);
    write(this.#train, train);
    write(this.#validation, validation);
    const at = formatCount(cursor ?? model.latest.step ?? 0);
    const words = [train, validation].map((found) => (found === undefined ? "not yet" : this.options.format(found)));
    const spoken = `training ${words[0]}, validation ${words[1]}. Arrow keys move the cursor.`;
    const label = `${this.options.title} at step ${at}: ${spoken}`;
    if (label !== this.#label) this.#canvas.element.setAttribute("aria-label", label);
    this.#label = label;
  }
}

interface LegendItem {
  readonly element: HTMLElement;
  readonly value: HTMLElement;
}

function legendItem(label: string, series: string): LegendItem {
  const value = el("b", {}, ABSENT);
  return { value, element: el("span", { class: `lv-key lv-key-${series}` }, `${label} `, value) };
}
