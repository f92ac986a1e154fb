import type { LayerState } from "../data/layer-state";
import { onRamp, type Ramp } from "./colour";
import { ABSENT } from "./format";
import type { Statistic, StatisticName } from "./layer-statistics";
import { type Domain, followDomain, makeScale } from "./scale";
import type { Theme } from "./theme";

/** Rate at which a domain shrinks per frame: slow enough for calm colours, correct within a second or two. */
const SHRINK = 0.03;

/** Colours of layers by one statistic, over a domain that follows the values without flicker. */
export class ColourScale {
  #statistic: Statistic | undefined;
  #domain: Domain | undefined;
  #ramp: Ramp = [];
  #values: readonly number[] = [];
  #layers: readonly LayerState[] = [];

  update(statistic: Statistic, layers: readonly LayerState[], theme: Theme): void {
    if (statistic.name !== this.#name) this.#domain = undefined;
    this.#statistic = statistic;
    this.#ramp = statistic.palette === "diverging" ? theme.diverging : theme.sequential;
    this.#layers = layers;
    this.#values = layers.map((layer) => statistic.value(layer, layers));
    const next = colourDomain(statistic, this.#values);
    this.#domain = next && followDomain(statistic.scale, this.#domain, next, SHRINK);
  }

  value(index: number): number {
    return this.#values[index] ?? Number.NaN;
  }

  text(index: number): string {
    const value = this.value(index);
    if (Number.isNaN(value)) return this.#layers[index]?.broken ? "NaN" : ABSENT;
    return this.#statistic?.format(value) ?? "";
  }

  /** Colour of a layer; undefined where its value is absent. */
  colour(index: number): string | undefined {
    const value = this.value(index);
    if (Number.isNaN(value) || !this.#domain || !this.#statistic) return undefined;
    return onRamp(this.#ramp, makeScale(this.#statistic.scale, this.#domain, [0, 1]).at(value));
  }

  get lowText(): string {
    return this.#domain && this.#statistic ? this.#statistic.format(this.#domain[0]) : "";
  }

  get highText(): string {
    if (!this.#domain || !this.#statistic) {
      return this.#layers.some(({ broken }) => broken) ? "no finite value" : "no data yet";
    }
    return `${this.#statistic.format(this.#domain[1])}${this.#statistic.scale === "log" ? " (log)" : ""}`;
  }

  get cssGradient(): string {
    const stops = Array.from({ length: 17 }, (_, index) => onRamp(this.#ramp, index / 16));
    return this.#domain ? `linear-gradient(90deg, ${stops.join(", ")})` : "none";
  }

  get #name(): StatisticName | undefined {
    return this.#statistic?.name;
  }
}

/** Domain of a statistic over the layers: fixed if it has one, around 0 if it diverges, from 0 if it is linear. */
export function colourDomain(statistic: Statistic, values: readonly number[]): Domain | undefined {
  const usable = values.filter((value) => Number.isFinite(value) && (statistic.scale === "linear" || value > 0));
  if (usable.length === 0) return undefined;
  if (statistic.domain) return statistic.domain;
  const low = Math.min(...usable);
  const high = Math.max(...usable);
  if (statistic.palette === "diverging") {
    const reach = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return [-reach, reach];
  }
  if (statistic.scale === "linear") return [0, high > 0 ? high : 1];
  // At least a factor of ten: a narrower scale would make noise look significant.
  const widen = Math.max(0, (1 - Math.log10(high / low)) / 2);
  return [low / 10 ** widen, high * 10 ** widen];
}
