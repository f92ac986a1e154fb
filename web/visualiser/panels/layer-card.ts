import { activationOf, layerName } from "../data/blueprint";
import type { LayerState, PassStats } from "../data/layer-state";
import { MEASURED, type MeasuredName } from "../data/statistics";
import { el } from "../draw/dom";
import { ABSENT, formatCount, formatShape } from "../draw/format";
import { formatOf } from "../draw/layer-statistics";
import type { Rect } from "../draw/layout";

type Row = readonly [label: string, forward: string, backward: string];

/** Short labels in the order of the card; statistics without one follow under their own names. */
const LABELS: ReadonlyMap<MeasuredName, string> = new Map([
  ["output_mean", "Mean"],
  ["output_std", "Std"],
  ["output_min", "Min"],
  ["output_max", "Max"],
  ["zero_fraction", "Zeros"],
  ["dead_units", "Dead units"],
  ["nan_count", "NaN"],
  ["inf_count", "Inf"],
  ["weight_norm", "Weight norm"],
  ["bias_norm", "Bias norm"],
  ["gradient_norm", "Gradient norm"],
  ["input_gradient_norm", "Input gradient norm"],
  ["update_ratio", "Update ratio"],
  ["compute_time_ns", "Time"],
]);
const ROWS: readonly MeasuredName[] = [...new Set([...LABELS.keys(), ...MEASURED.map(({ name }) => name)])];

/** All statistics of one layer, shown next to its box while that is hovered or focused. */
export class LayerCard {
  readonly element = el("div", { class: "lv-card", hidden: true, role: "status" });

  show(state: LayerState | undefined, box: Rect | undefined, width: number): void {
    this.element.hidden = !state || !box;
    if (!state || !box) return;
    const { info } = state.node;
    const facts = [`${formatShape(info.input_shape)} → ${formatShape(info.output_shape)}`];
    const activation = activationOf(info);
    if (activation) facts.push(activation);
    facts.push(`${formatCount(info.num_params)} parameters`);
    this.element.replaceChildren(
      el("strong", {}, layerName(info)),
      el("p", {}, facts.join(" · ")),
      passTable(passRows(state)),
    );
    this.#place(box, width);
  }

  /** Below the box, kept inside the panel. */
  #place(box: Rect, width: number): void {
    const own = this.element.offsetWidth;
    const left = Math.min(Math.max(0, box.x + box.width / 2 - own / 2), Math.max(0, width - own));
    this.element.style.left = `${left}px`;
    this.element.style.top = `${box.y + box.height + 14}px`;
  }
}

/** Statistics of both passes; in the backward pass "output" is the gradient of the layer's output. */
export function passRows(state: LayerState): Row[] {
  const text = (stats: PassStats | undefined, name: MeasuredName): string => {
    const value = stats?.value(name) ?? Number.NaN;
    return Number.isNaN(value) ? ABSENT : formatOf(name)(value);
  };
  return ROWS.map((name) => [labelOf(name), text(state.forward, name), text(state.backward, name)]);
}

function labelOf(name: MeasuredName): string {
  const plain = name.replaceAll("_", " ");
  return LABELS.get(name) ?? plain.charAt(0).toUpperCase() + plain.slice(1);
}

function passTable(rows: readonly Row[]): HTMLTableElement {
  const measured = rows.filter(([, forward, backward]) => forward !== ABSENT || backward !== ABSENT);
  const head = el(
    "tr",
    {},
    el("th"),
    el("th", { scope: "col", class: "lv-figure" }, "Output"),
    el("th", { scope: "col", class: "lv-figure" }, "Gradient"),
  );
  const body = measured.map(([label, forward, backward]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, label),
      el("td", { class: "lv-figure" }, forward),
      el("td", { class: "lv-figure" }, backward),
    ),
  );
  if (body.length === 0) return el("table", {}, el("tbody", {}, el("tr", {}, el("td", {}, "Nothing measured yet."))));
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...body));
}
