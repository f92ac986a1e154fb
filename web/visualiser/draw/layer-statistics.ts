import type { LayerState, PassStats } from "../data/layer-state";
import { type MeasuredName, measured, type StatisticKind } from "../data/statistics";
import { formatCount, formatNanoseconds, formatNumber, formatPercent } from "./format";
import type { ScaleKind } from "./scale";

/** A number per layer that the network's picture can be coloured by. */
export interface Statistic {
  readonly name: StatisticName;
  readonly label: string;
  /** One or two sentences for a first-time reader. */
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

const asNumber = (value: number) => formatNumber(value);
const asPercent = (value: number) => formatPercent(value);

const FORMATS: Readonly<Record<StatisticKind, (value: number) => string>> = {
  norm: asNumber,
  output: asNumber,
  share: asPercent,
  count: formatCount,
  clock: formatNanoseconds,
};

/** Formatter for a measured statistic, by its kind. */
export function formatOf(name: MeasuredName): (value: number) => string {
  return FORMATS[measured(name).kind];
}

type Pass = (state: LayerState, name: MeasuredName) => number;
const valueIn = (stats: PassStats | undefined, name: MeasuredName) => stats?.value(name) ?? Number.NaN;

const forward: Pass = (state, name) => valueIn(state.forward, name);
const backward: Pass = (state, name) => valueIn(state.backward, name);
/** For weights, which both passes measure: the forward pass where it has a value, else the backward pass. */
const either: Pass = (state, name) => {
  const value = forward(state, name);
  return Number.isNaN(value) ? backward(state, name) : value;
};

interface Style extends Pick<Statistic, "label" | "scale" | "palette" | "domain"> {
  /** What a reader of the picture needs beyond the statistic's own meaning. */
  readonly hint?: string;
}

/** A statistic that Python measures: its meaning and unit are Python's, the rest is the page's. */
function shown<N extends MeasuredName & StatisticName>(name: N, pass: Pass, { hint, ...style }: Style): Statistic {
  const { meaning } = measured(name);
  return {
    name,
    ...style,
    meaning: hint ? `${meaning} ${hint}` : meaning,
    value: (state) => pass(state, name),
    // The ends of a colour domain move smoothly, so a count need not be whole here.
    format: measured(name).kind === "count" ? asNumber : formatOf(name),
  };
}

/** All that the picture can be coloured by, in the order of the page's list. */
export const STATISTICS: readonly Statistic[] = [
  shown("output_std", forward, { label: "Output std", scale: "linear", palette: "sequential" }),
  shown("output_mean", forward, {
    label: "Output mean",
    scale: "linear",
    palette: "diverging",
    hint: "Blue below zero, orange above.",
  }),
  shown("output_max", forward, { label: "Output max", scale: "linear", palette: "diverging" }),
  shown("gradient_norm", backward, { label: "Gradient norm", scale: "log", palette: "sequential" }),
  shown("input_gradient_norm", backward, { label: "Input gradient norm", scale: "log", palette: "sequential" }),
  shown("weight_norm", either, { label: "Weight norm", scale: "log", palette: "sequential" }),
  shown("zero_fraction", forward, {
    label: "Zero share",
    scale: "linear",
    palette: "sequential",
    domain: [0, 1],
    hint: "About half is healthy for a fresh ReLU layer.",
  }),
  shown("dead_units", forward, { label: "Dead units", scale: "linear", palette: "sequential" }),
  {
    name: "time_share",
    label: "Time share",
    meaning: "Share of the step's measured time spent in the layer, forward and backward.",
    scale: "linear",
    palette: "sequential",
    domain: [0, 1],
    value: timeShare,
    format: asPercent,
  },
  {
    name: "non_finite",
    label: "NaN and Inf",
    meaning: "NaN and infinite values in the latest forward and backward pass.",
    scale: "linear",
    palette: "sequential",
    value: (state) => (state.forward || state.backward ? state.nonFinite : Number.NaN),
    format: asNumber,
  },
];

export function statistic(name: StatisticName): Statistic {
  const found = STATISTICS.find((candidate) => candidate.name === name);
  if (found) return found;
  const names = STATISTICS.map((candidate) => candidate.name).join(", ");
  throw new RangeError(`statistic: expected one of ${names}; got "${String(name)}".`);
}

/** Only top-level layers add up to the step, since a parent's time includes its children's. */
function timeShare(state: LayerState, all: readonly LayerState[]): number {
  const top = all.filter((other) => other.node.parent === undefined && !Number.isNaN(other.timeNs));
  const total = top.reduce((sum, other) => sum + other.timeNs, 0);
  return total > 0 ? state.timeNs / total : Number.NaN;
}
