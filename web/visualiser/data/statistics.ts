import { formatNumber, formatPercent } from "../draw/format";
import type { ScaleKind } from "../draw/scale";
import type { LayerState } from "./layer-state";

/** A number per layer that the network's picture can be coloured by. */
export interface Statistic {
  readonly name: StatisticName;
  readonly label: string;
  /** One sentence for people who meet it the first time. */
  readonly meaning: string;
  readonly scale: ScaleKind;
  readonly palette: "sequential" | "diverging";
  /** A fixed domain, where the quantity has one. */
  readonly domain?: readonly [number, number];
  value(state: LayerState, all: readonly LayerState[]): number;
  format(value: number): string;
}

export type StatisticName =
  | "output_std"
  | "output_mean"
  | "output_max"
  | "gradient_norm"
  | "input_gradient_norm"
  | "weight_norm"
  | "zero_fraction"
  | "dead_units"
  | "time_share"
  | "non_finite";

const forward = (column: string) => (state: LayerState) => state.forward?.[column] ?? Number.NaN;
const backward = (column: string) => (state: LayerState) => state.backward?.[column] ?? Number.NaN;

/** Weights are seen in both passes; the newest measured value counts. */
const either = (column: string) => (state: LayerState) => {
  const value = state.forward?.[column] ?? Number.NaN;
  return Number.isNaN(value) ? (state.backward?.[column] ?? Number.NaN) : value;
};

export const STATISTICS: readonly Statistic[] = [
  {
    name: "output_std",
    label: "Output std",
    meaning: "Standard deviation of the layer's outputs over the batch.",
    scale: "linear",
    palette: "sequential",
    value: forward("output_std"),
    format: (value) => formatNumber(value),
  },
  {
    name: "output_mean",
    label: "Output mean",
    meaning: "Mean of the layer's outputs over the batch; blue below zero, orange above.",
    scale: "linear",
    palette: "diverging",
    value: forward("output_mean"),
    format: (value) => formatNumber(value),
  },
  {
    name: "output_max",
    label: "Output max",
    meaning: "Largest output in the batch.",
    scale: "linear",
    palette: "diverging",
    value: forward("output_max"),
    format: (value) => formatNumber(value),
  },
  {
    name: "gradient_norm",
    label: "Gradient norm",
    meaning: "L2 norm of the gradient of the layer's parameters.",
    scale: "log",
    palette: "sequential",
    value: backward("gradient_norm"),
    format: (value) => formatNumber(value),
  },
  {
    name: "input_gradient_norm",
    label: "Input gradient norm",
    meaning: "L2 norm of the gradient that the layer hands back to the layer before it.",
    scale: "log",
    palette: "sequential",
    value: backward("input_gradient_norm"),
    format: (value) => formatNumber(value),
  },
  {
    name: "weight_norm",
    label: "Weight norm",
    meaning: "L2 norm of the layer's weights.",
    scale: "log",
    palette: "sequential",
    value: either("weight_norm"),
    format: (value) => formatNumber(value),
  },
  {
    name: "zero_fraction",
    label: "Zero share",
    meaning: "Share of outputs that are exactly zero. About half is healthy for a fresh ReLU layer.",
    scale: "linear",
    palette: "sequential",
    domain: [0, 1],
    value: forward("zero_fraction"),
    format: (value) => formatPercent(value),
  },
  {
    name: "dead_units",
    label: "Dead units",
    meaning: "Units whose output is zero for every sample of the batch.",
    scale: "linear",
    palette: "sequential",
    value: forward("dead_units"),
    format: (value) => formatNumber(value),
  },
  {
    name: "time_share",
    label: "Time share",
    meaning: "Share of the step's measured time spent in the layer, forward and backward.",
    scale: "linear",
    palette: "sequential",
    domain: [0, 1],
    value: timeShare,
    format: (value) => formatPercent(value),
  },
  {
    name: "non_finite",
    label: "NaN and Inf",
    meaning: "Values that are not a number or infinite, in the newest forward and backward pass.",
    scale: "linear",
    palette: "sequential",
    value: (state) => (state.forward || state.backward ? state.nonFinite : Number.NaN),
    format: (value) => formatNumber(value),
  },
];

export function statistic(name: StatisticName): Statistic {
  const found = STATISTICS.find((candidate) => candidate.name === name);
  if (found) return found;
  const names = STATISTICS.map((candidate) => candidate.name).join(", ");
  throw new RangeError(`statistic: expected one of ${names}; got "${String(name)}".`);
}

/** Of the whole step: only top-level layers add up, since a parent's time holds its children's. */
function timeShare(state: LayerState, all: readonly LayerState[]): number {
  const top = all.filter((other) => other.node.parent === undefined && !Number.isNaN(other.timeNs));
  const total = top.reduce((sum, other) => sum + other.timeNs, 0);
  return total > 0 ? state.timeNs / total : Number.NaN;
}
