import { activationOf, layerName } from "../data/blueprint";
import type { LayerState, PassStats } from "../data/layer-state";
import { el } from "../draw/dom";
import { ABSENT, formatCount, formatNanoseconds, formatNumber, formatPercent, formatShape } from "../draw/format";
import type { Rect } from "../draw/layout";

type Row = readonly [label: string, forward: string, backward: string];

/** All numbers of one layer, shown beside its box while it is hovered or focused. */
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

/** The numbers of both passes, in words and units. Backward, "output" is the gradient that reaches the layer's output. */
export function passRows(state: LayerState): Row[] {
  const both = (label: string, column: string, format = (value: number) => formatNumber(value)): Row => {
    const text = (stats: PassStats | undefined): string => {
      const value = stats?.[column];
      return value === undefined || Number.isNaN(value) ? ABSENT : format(value);
    };
    return [label, text(state.forward), text(state.backward)];
  };
  return [
    both("Mean", "output_mean"),
    both("Std", "output_std"),
    both("Min", "output_min"),
    both("Max", "output_max"),
    both("Zeros", "zero_fraction", (value) => formatPercent(value)),
    both("Dead units", "dead_units", formatCount),
    both("NaN", "nan_count", formatCount),
    both("Inf", "inf_count", formatCount),
    both("Weight norm", "weight_norm"),
    both("Bias norm", "bias_norm"),
    both("Gradient norm", "gradient_norm"),
    both("Input gradient norm", "input_gradient_norm"),
    both("Time", "compute_time_ns", formatNanoseconds),
  ];
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
