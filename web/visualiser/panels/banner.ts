import { layerName } from "../data/blueprint";
import type { Anomaly, RunModel } from "../data/run-model";
import { el, setText } from "../draw/dom";
import { formatCount } from "../draw/format";
import type { Panel, View } from "./panel-host";

/** Describes the first anomaly of a run until it is dismissed or a new run starts. */
export class BannerPanel implements Panel {
  readonly element = el("section", { class: "lv-banner", role: "alert", hidden: true });
  readonly #text = el("p");
  #dismissed = 0;
  #shown = -1;

  constructor(onDismiss: () => void) {
    const close = el("button", { type: "button", class: "lv-close", "aria-label": "Dismiss" }, "Dismiss");
    close.addEventListener("click", () => {
      this.#dismissed = Math.max(this.#shown, 0);
      onDismiss();
    });
    this.element.append(el("strong", {}, "Anomaly"), this.#text, close);
  }

  draw({ model }: View): void {
    const count = model.anomalies.length;
    if (count < this.#dismissed) this.#dismissed = 0; // a new run
    this.#shown = count;
    const fresh = model.anomalies.slice(this.#dismissed);
    const hidden = fresh.length === 0;
    if (this.element.hidden !== hidden) this.element.hidden = hidden;
    const first = fresh[0]; // later anomalies are mostly consequences of the first
    if (first) setText(this.#text, describeAnomaly(first, fresh.length - 1, model));
  }

  dispose(): void {}
}

export function describeAnomaly(anomaly: Anomaly, more: number, model: Pick<RunModel, "layers">): string {
  const text = anomaly.text.replace(/\.+$/, "");
  const where = [
    anomaly.step === undefined ? "" : `step ${formatCount(anomaly.step)}`,
    anomaly.path === undefined || text.includes(`layer ${anomaly.path}`) ? "" : placeOf(anomaly.path, model),
  ].filter((part) => part !== "");
  const place = where.length > 0 ? ` (${where.join(", ")})` : "";
  const rest = more > 0 ? ` ${formatCount(more)} more since.` : "";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${place}.${rest}`;
}

function placeOf(path: string, { layers }: Pick<RunModel, "layers">): string {
  const state = layers.find(({ node }) => node.info.path === path);
  return state ? layerName(state.node.info) : `layer ${path}`;
}
