import { type Decimated, decimate, extent, positiveExtent } from "../data/decimate";
import { type LayerState, OUTPUT } from "../data/layer-state";
import { type Axis, type Domain, logAxis, paddedDomain, settledDomain } from "../draw/scale";
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

export function outputAxis(lines: readonly LayerLines[]): Axis {
  const found = extent(...lines.flatMap(({ low, high }) => [low, high]));
  return { kind: "linear", domain: settledDomain("linear", paddedDomain("linear", found ?? [-1, 1])), zeros: false };
}

export function gradientAxis(lines: readonly LayerLines[]): Axis {
  return logAxis(positiveExtent(...lines.map(({ norm }) => norm)));
}
