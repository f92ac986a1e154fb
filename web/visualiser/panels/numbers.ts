import { activationOf } from "../data/blueprint";
import type { LayerState } from "../data/layer-state";
import { el } from "../draw/dom";
import { ABSENT, formatCount, formatNumber, formatPercent } from "../draw/format";
import { STATISTICS } from "../draw/layer-statistics";
import type { Panel, View } from "./panel-host";

const EVERY_MS = 500;

/** The same numbers as tables, for screen readers and for copying. */
export class NumbersPanel implements Panel {
  readonly element = el("details", { class: "lv-panel lv-wide lv-numbers" });
  readonly #body = el("div", { class: "lv-scroller", tabindex: 0, role: "group", "aria-label": "Tables" });
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(onOpen: () => void) {
    this.element.append(el("summary", {}, el("h2", {}, "Numbers as a table")), this.#body);
    this.element.addEventListener("toggle", () => {
      this.#drawnAt = Number.NEGATIVE_INFINITY;
      onOpen();
    });
  }

  draw(view: View): void {
    const now = performance.now();
    if (!this.element.open || now - this.#drawnAt < EVERY_MS) return;
    this.#drawnAt = now;
    this.#body.replaceChildren(runTable(view), layerTable(view.model.layers));
  }

  dispose(): void {}
}

function runTable({ model: { latest } }: View): HTMLTableElement {
  return table(
    "Run",
    ["Step", "Train loss", "Validation loss", "Train accuracy", "Validation accuracy"],
    [
      [
        latest.step === undefined ? ABSENT : formatCount(latest.step),
        formatNumber(latest.trainLoss),
        formatNumber(latest.validationLoss),
        formatPercent(latest.trainAccuracy),
        formatPercent(latest.validationAccuracy),
      ],
    ],
  );
}

function layerTable(layers: readonly LayerState[]): HTMLTableElement {
  const rows = layers.map((state) => {
    const { info } = state.node;
    const name = [info.type, activationOf(info)].filter((part) => part !== undefined).join(", ");
    const values = STATISTICS.map((statistic) => {
      const value = statistic.value(state, layers);
      return Number.isNaN(value) ? ABSENT : statistic.format(value);
    });
    return [info.path, name, ...values];
  });
  return table("Layers", ["Path", "Layer", ...STATISTICS.map(({ label }) => label)], rows);
}

function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): HTMLTableElement {
  return el(
    "table",
    {},
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((text) => el("td", {}, text))))),
  );
}
