import { layerName } from "../data/blueprint";
import { el, setText } from "../draw/dom";
import { formatCount } from "../draw/format";
import { HidpiCanvas } from "../draw/hidpi-canvas";
import { ColourScale } from "../draw/layer-colours";
import { STATISTICS, type StatisticName, statistic } from "../draw/layer-statistics";
import { boxAt, layoutNetwork, type NetworkLayout } from "../draw/layout";
import { drawNetwork } from "../draw/network-picture";
import { StaticLayer } from "../draw/static-layer";
import { LayerCard } from "./layer-card";
import type { Panel, PanelHost, View } from "./panel-host";

/** The network as a grid of cells, coloured by the chosen statistic. */
export class NetworkPanel implements Panel {
  readonly element: HTMLElement;
  readonly #canvas: HidpiCanvas;
  readonly #summary = el("p", { class: "lv-note" });
  readonly #select = el("select", { class: "lv-select" });
  readonly #bar = el("span", { class: "lv-ramp", "aria-hidden": "true" });
  readonly #low = el("span");
  readonly #high = el("span");
  readonly #card = new LayerCard();
  readonly #names = new StaticLayer();
  readonly #colours = new ColourScale();
  #layout: NetworkLayout | undefined;
  readonly #sizes: ResizeObserver;
  #available = 0;
  #hovered: number | undefined;

  constructor(host: PanelHost) {
    const canvas = el("canvas", { class: "lv-network", tabindex: 0, role: "img" });
    for (const { name, label } of STATISTICS) this.#select.append(el("option", { value: name }, label));
    this.#select.addEventListener("change", () => host.setStatistic(this.#select.value as StatisticName));
    const legend = el("span", { class: "lv-scale" }, this.#low, this.#bar, this.#high);
    const chooser = el("label", { class: "lv-chooser" }, "Colour by ", this.#select);
    const head = el("header", { class: "lv-head" }, el("h2", {}, "Network"), this.#summary, chooser, legend);
    const scroller = el("div", { class: "lv-scroller" }, canvas, this.#card.element);
    this.element = el("section", { class: "lv-panel lv-wide", "aria-label": "Network" }, head, scroller);
    this.#canvas = new HidpiCanvas(canvas, () => host.invalidate());
    this.#sizes = new ResizeObserver(() => {
      this.#available = scroller.clientWidth; // read within a frame it would force a layout
      host.invalidate();
    });
    this.#sizes.observe(scroller);
    this.#listen(canvas, host);
  }

  draw(view: View): void {
    const { model, theme } = view;
    const chosen = statistic(view.statistic);
    if (this.#select.value !== chosen.name) this.#select.value = chosen.name;
    this.#select.title = chosen.meaning;
    this.#fit(view);
    this.#colours.update(chosen, model.layers, theme);
    this.#drawLegend();
    const state = this.#hovered === undefined ? undefined : model.layers[this.#hovered];
    const box = this.#layout?.boxes.find(({ index }) => index === this.#hovered);
    this.#card.show(state, box, this.#canvas.width);
    if (!this.#layout || !this.#canvas.begin()) return;
    const picture = {
      theme,
      layout: this.#layout,
      layers: model.layers,
      colours: this.#colours,
      hovered: this.#hovered,
    };
    drawNetwork(this.#canvas, this.#names, picture);
    this.#describe(view);
  }

  dispose(): void {
    this.#sizes.disconnect();
    this.#canvas.dispose();
  }

  /** Lays the network out in the available width and sizes the canvas to fit. */
  #fit({ model }: View): void {
    const { element: canvas } = this.#canvas;
    const available = this.#available;
    if (!model.blueprint || available === 0) {
      this.#layout = undefined;
      return;
    }
    const layout = layoutNetwork(model.blueprint, available - 2);
    this.#layout = layout;
    const [width, height] = [`${Math.max(layout.width + 2, 1)}px`, `${layout.height + 14}px`];
    if (canvas.style.width !== width) canvas.style.width = width;
    if (canvas.style.height !== height) canvas.style.height = height;
  }

  #drawLegend(): void {
    setText(this.#low, this.#colours.lowText);
    setText(this.#high, this.#colours.highText);
    const gradient = this.#colours.cssGradient;
    if (this.#bar.style.background !== gradient) this.#bar.style.background = gradient;
  }

  #describe({ model, statistic: name }: View): void {
    const blueprint = model.blueprint;
    if (!blueprint) return;
    const count = blueprint.layers.length;
    const grid =
      blueprint.grid_rows * blueprint.grid_cols > 1 ? ` in ${blueprint.grid_rows} × ${blueprint.grid_cols} cells` : "";
    setText(this.#summary, `${count} layers${grid}, ${formatCount(blueprint.total_params)} parameters`);
    const hovered = this.#hovered === undefined ? undefined : model.layers[this.#hovered];
    const chosen = statistic(name);
    const spoken = hovered
      ? `${layerName(hovered.node.info)}: ${chosen.label} ${chosen.format(chosen.value(hovered, model.layers))}.`
      : `Network of ${count} layers coloured by ${chosen.label}. Arrow keys select layers.`;
    this.#canvas.element.setAttribute("aria-label", spoken);
  }

  #listen(canvas: HTMLCanvasElement, host: PanelHost): void {
    const hover = (index: number | undefined): void => {
      if (index === this.#hovered) return;
      this.#hovered = index;
      host.invalidate();
    };
    const point = (event: PointerEvent): void => {
      hover(this.#layout && boxAt(this.#layout, event.offsetX - 1, event.offsetY - 10)?.index);
    };
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("pointerleave", () => hover(undefined));
    canvas.addEventListener("blur", () => hover(undefined));
    canvas.addEventListener("keydown", (event) => {
      const last = (this.#layout?.boxes.length ?? 0) - 1;
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hover(undefined);
      else if (step !== undefined && last >= 0) hover(Math.min(last, Math.max(0, (this.#hovered ?? -1) + step)));
      else return;
      event.preventDefault();
    });
  }
}
