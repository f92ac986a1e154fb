import { type Decimated, decimate, extent } from "../data/decimate";
import { type LayerState, OUTPUT } from "../data/layer-state";
import { type Domain, paddedDomain, settledDomain } from "../draw/scale";
import type { View } from "./panel-host";

/** Column of a layer's gradient history. */
export const NORM = 0;

/** Lines of a layer's charts, reduced to pixels. */
export interface LayerLines {
  readonly state: LayerState;
  readonly low: Decimated;
  readonly mean: Decimated;
  readonly high: Decimated;
  readonly norm: Decimated;
}

export function reduceLayer(state: LayerState, { span }: View, [from, to]: Domain, across: number): LayerLines {
  const outputs = (column: number) => decimate(state.outputs.view(span), column, from, to, across);
  return {
    state,
    low: outputs(OUTPUT.low),
    mean: outputs(OUTPUT.mean),
    high: outputs(OUTPUT.high),
    norm: decimate(state.gradients.view(span), NORM, from, to, across),
  };
}

export function outputDomain(lines: readonly LayerLines[]): Domain {
  const found = extent(...lines.flatMap(({ low, high }) => [low, high]));
  return settledDomain("linear", paddedDomain("linear", found ?? [-1, 1]));
}

export function gradientDomain(lines: readonly LayerLines[]): Domain {
  const found = extent(...lines.map(({ norm }) => norm));
  if (!found || found[1] <= 0) return [0.1, 1];
  // A gradient of 0 has no place on a log axis, so the axis ends six decades below the largest value.
  return settledDomain("log", paddedDomain("log", [Math.max(found[0], found[1] * 1e-6), found[1]]));
}
