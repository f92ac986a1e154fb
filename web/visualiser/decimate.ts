import type { ColumnArrays, Columns } from "./ring";

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
  const arrays = columns.arrays(column);
  if (!arrays) return out;
  const perUnit = to > from ? (width - 1) / (to - from) : 0;
  for (let row = lowerBound(columns, from); row < columns.length; row++) {
    const slot = (arrays.first + row) % arrays.capacity;
    const x = arrays.xs[slot] ?? Number.NaN;
    if (x > to) break;
    addRow(out, arrays, slot, Math.round((x - from) * perUnit));
  }
  return out;
}

function addRow(out: Decimated, arrays: ColumnArrays, slot: number, pixel: number): void {
  const count = (out.count[pixel] ?? 0) + 1;
  out.count[pixel] = count;
  const mid = arrays.mid[slot] ?? Number.NaN;
  const bad = arrays.bad ? (arrays.bad[slot] ?? 0) : Number(Number.isNaN(mid));
  if (bad > 0) out.bad[pixel] = (out.bad[pixel] ?? 0) + bad;
  if (Number.isNaN(mid)) return;
  const low = arrays.low[slot] ?? mid;
  const high = arrays.high[slot] ?? mid;
  const before = out.mid[pixel] ?? Number.NaN;
  if (Number.isNaN(before)) {
    out.low[pixel] = low;
    out.high[pixel] = high;
    out.mid[pixel] = mid;
    return;
  }
  if (low < (out.low[pixel] ?? low)) out.low[pixel] = low;
  if (high > (out.high[pixel] ?? high)) out.high[pixel] = high;
  // A running mean over the pixel's rows, NaN rows counted too: under a pixel nobody sees the difference.
  out.mid[pixel] = before + (mid - before) / count;
}

/** Smallest and largest finite value of what was reduced; undefined if there is none. */
export function extent(...parts: readonly Decimated[]): [number, number] | undefined {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const part of parts) {
    for (let pixel = 0; pixel < part.width; pixel++) {
      // Comparisons with NaN are false, so pixels without a value drop out.
      if ((part.low[pixel] ?? low) < low) low = part.low[pixel] ?? low;
      if ((part.high[pixel] ?? high) > high) high = part.high[pixel] ?? high;
    }
  }
  return low <= high ? [low, high] : undefined;
}
