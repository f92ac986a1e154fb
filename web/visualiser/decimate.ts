import type { Columns } from "./ring";

/**
 * One column of a table reduced to `width` pixel columns: extremes, mean, and non-finite counts of what falls on each.
 *
 * `count[p]` is 0 where no row falls on pixel p; `low`, `high`, `mid` are NaN where no finite value does.
 */
export interface Decimated {
  readonly width: number;
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly mid: Float32Array;
  readonly count: Uint32Array;
  readonly bad: Uint32Array;
}

/** Index of the first row whose x is at least `x` (`length` if none is). */
export function lowerBound(columns: Columns, x: number): number {
  let from = 0;
  let to = columns.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (columns.x(middle) < x) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Row whose x is nearest to `x`, or -1 in an empty table. */
export function nearestRow(columns: Columns, x: number): number {
  const after = lowerBound(columns, x);
  if (after === 0) return columns.length === 0 ? -1 : 0;
  if (after === columns.length) return after - 1;
  return columns.x(after) - x < x - columns.x(after - 1) ? after : after - 1;
}

/** Reduces rows with x in [from, to] to one entry per pixel, so that a spike one step long is still seen. */
export function decimate(columns: Columns, column: number, from: number, to: number, width: number): Decimated {
  const out: Decimated = {
    width,
    low: new Float32Array(width).fill(Number.NaN),
    high: new Float32Array(width).fill(Number.NaN),
    mid: new Float32Array(width).fill(Number.NaN),
    count: new Uint32Array(width),
    bad: new Uint32Array(width),
  };
  const perUnit = to > from ? (width - 1) / (to - from) : 0;
  for (let row = lowerBound(columns, from); row < columns.length && columns.x(row) <= to; row++) {
    addRow(out, columns, column, row, Math.round((columns.x(row) - from) * perUnit));
  }
  return out;
}

function addRow(out: Decimated, columns: Columns, column: number, row: number, pixel: number): void {
  out.count[pixel] = (out.count[pixel] ?? 0) + 1;
  out.bad[pixel] = (out.bad[pixel] ?? 0) + columns.bad(row, column);
  const mid = columns.mid(row, column);
  if (Number.isNaN(mid)) return;
  const low = columns.low(row, column);
  const high = columns.high(row, column);
  const before = out.mid[pixel] ?? Number.NaN;
  const first = Number.isNaN(before);
  out.low[pixel] = first ? low : Math.min(out.low[pixel] ?? low, low);
  out.high[pixel] = first ? high : Math.max(out.high[pixel] ?? high, high);
  // A running mean over the pixel's rows, NaN rows counted too: under a pixel nobody sees the difference.
  out.mid[pixel] = first ? mid : before + (mid - before) / (out.count[pixel] ?? 1);
}

/** Smallest and largest finite value of a column over rows with x in [from, to]; undefined if there is none. */
export function extent(columns: Columns, column: number, from: number, to: number): [number, number] | undefined {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let row = lowerBound(columns, from); row < columns.length && columns.x(row) <= to; row++) {
    low = Math.min(low, nanTo(columns.low(row, column), low));
    high = Math.max(high, nanTo(columns.high(row, column), high));
  }
  return low <= high ? [low, high] : undefined;
}

function nanTo(value: number, other: number): number {
  return Number.isNaN(value) ? other : value;
}
