import type { PositiveExtent } from "../data/decimate";

/**
 * Maps values to pixels and back.
 *
 * Log scales clamp values that are not positive to their lower end; with `zeros` they have a strip for 0 below it.
 */
export interface Scale {
  readonly kind: ScaleKind;
  readonly domain: Domain;
  readonly range: Domain;
  at(value: number): number;
  invert(pixel: number): number;
  ticks(count: number): number[];
}

export type ScaleKind = "linear" | "log";
export type Domain = readonly [number, number];

/** Description of an axis: `zeros` asks for a strip for 0 below a log scale, where 0 has no place of its own. */
export interface Axis {
  readonly kind: ScaleKind;
  readonly domain: Domain;
  readonly zeros: boolean;
}

/** Pixels between 0 and the lower end of a log scale. */
const ZERO_STRIP = 12;

export function makeScale(kind: ScaleKind, domain: Domain, range: Domain, zeros = false): Scale {
  const log = kind === "log";
  const forward = log ? (value: number) => Math.log10(Math.max(value, domain[0])) : (value: number) => value;
  const backward = log ? (value: number) => 10 ** value : (value: number) => value;
  const strip = log && zeros ? Math.sign(range[1] - range[0]) * ZERO_STRIP : 0;
  const low = range[0] + strip;
  const [start, end] = [forward(domain[0]), forward(domain[1])];
  const perUnit = end === start ? 0 : (range[1] - low) / (end - start);
  const place = (value: number) => low + (forward(value) - start) * perUnit;
  const valueAt = (pixel: number) => backward(perUnit === 0 ? start : start + (pixel - low) / perUnit);
  return {
    kind,
    domain,
    range,
    at: strip ? (value) => (value > 0 ? place(value) : range[0]) : place,
    invert: strip ? (pixel) => (Math.abs(pixel - range[0]) < ZERO_STRIP / 2 ? 0 : valueAt(pixel)) : valueAt,
    ticks: (count) => (log ? [...(strip ? [0] : []), ...logTicks(domain, count)] : linearTicks(domain, count)),
  };
}

/** The log axis of measurements, at most twelve decades; a linear one where all of them are 0. */
export function logAxis({ least, most, zeros }: PositiveExtent): Axis {
  if (most <= 0) return { kind: zeros ? "linear" : "log", domain: zeros ? [0, 1] : [0.1, 1], zeros: false };
  const domain = settledDomain("log", paddedDomain("log", [Math.max(least, most * 1e-12), most]));
  return { kind: "log", domain, zeros };
}

/** Round values 1, 2 or 5 · 10^k apart inside the domain, about `count` of them. */
export function linearTicks([low, high]: Domain, count: number): number[] {
  const step = niceStep((high - low) / Math.max(1, count));
  if (!(step > 0) || !Number.isFinite(step)) return [low];
  const ticks: number[] = [];
  const last = Math.floor(high / step + 1e-9);
  for (let index = Math.ceil(low / step - 1e-9); index <= last; index++) {
    ticks.push(Number((index * step).toPrecision(12)));
  }
  return ticks;
}

/** Powers of ten inside the domain, thinned out to `count`; in small domains also 2 and 5 times a power. */
export function logTicks([low, high]: Domain, count: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const decades = last - first + 1;
  if (decades >= 3) {
    const every = Math.ceil(decades / Math.max(1, count));
    return range(first, last, every).map(power);
  }
  const fine = range(first - 1, last + 1, 1).flatMap((exponent) => [1, 2, 5].map((digit) => digit * power(exponent)));
  const inside = fine.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  return inside.length >= 2 ? inside : linearTicks([low, high], count);
}

/** A power of ten parsed from decimal: 10^-3 gives 0.001, not 0.0010000000000000002. */
function power(exponent: number): number {
  return Number(`1e${exponent}`);
}

function range(first: number, last: number, every: number): number[] {
  const out: number[] = [];
  for (let value = first; value <= last; value += every) out.push(value);
  return out;
}

/** Smallest of 1, 2 and 5 · 10^k that is at least `rough`. */
export function niceStep(rough: number): number {
  const size = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / size;
  return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * size;
}

/**
 * A domain with a margin around the data: a constant gets a neighbourhood; a log domain stays positive and spans at
 * least half a decade.
 */
export function paddedDomain(kind: ScaleKind, [low, high]: Domain, padding = 0.06): Domain {
  if (kind === "log") {
    const floor = Math.max(low, 1e-30);
    const top = Math.max(high, floor);
    const spread = Math.max(0.25 - Math.log10(top / floor) / 2, 0);
    const pad = padding * Math.max(Math.log10(top / floor), 0.5) + spread;
    return [floor / 10 ** pad, top * 10 ** pad];
  }
  const span = high - low;
  const pad = span > 0 ? span * padding : Math.max(Math.abs(high) * 0.5, 1e-6);
  return [low - pad, high + pad];
}

/**
 * The domain with its ends moved outwards to round values, so that the axis does not move in every frame while the
 * data grows.
 */
export function settledDomain(kind: ScaleKind, [low, high]: Domain): Domain {
  if (kind === "log") {
    const [from, to] = [Math.log10(low), Math.log10(high)];
    const step = niceStep((to - from) / PARTS);
    return [10 ** (Math.floor(from / step) * step), 10 ** (Math.ceil(to / step) * step)];
  }
  const step = niceStep((high - low) / PARTS);
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step];
}

const PARTS = 40;

/** Follows a changing domain without flicker: grows at once, shrinks by the share `rate` per call. */
export function followDomain(kind: ScaleKind, previous: Domain | undefined, next: Domain, rate: number): Domain {
  if (previous === undefined) return next;
  const towards = (from: number, to: number): number =>
    kind === "log" ? from * (to / from) ** rate : from + (to - from) * rate;
  const low = next[0] < previous[0] ? next[0] : towards(previous[0], next[0]);
  const high = next[1] > previous[1] ? next[1] : towards(previous[1], next[1]);
  return [low, high];
}
