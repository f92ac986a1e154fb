import type { ColumnArrays, Columns } from "./ring";

/**
 * One column of a table reduced to `width` pixel columns: extremes, mean, and count of non-finite values of each.
 *
 * `count[p]` is 0 for a pixel p without rows; `low`, `high`, `mid` are NaN for a pixel without finite values.
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

/** Row whose x is nearest to `x`; -1 in an empty table. */
export function nearestRow(columns: Columns, x: number): number {
  const after = lowerBound(columns, x);
  if (after === 0) return columns.length === 0 ? -1 : 0;
  if (after === columns.length) return after - 1;
  return columns.x(after) - x < x - columns.x(after - 1) ? after : after - 1;
}

/** A reduction that later rows are added to. */
interface Reduction extends Decimated {
  readonly from: number;
  readonly to: number;
  readonly revision: number;
  /** The latest pixel (-1 before the first) and its first row; earlier rows are final. */
  pixel: number;
  row: number;
}

const known = new WeakMap<Columns, Reduction[]>();

/**
 * Reduces rows with x in [from, to] to one entry per pixel, so that a spike of one step stays visible.
 *
 * While the domain is unchanged, only new rows are read; the returned object is then the same, updated in place.
 */
export function decimate(columns: Columns, column: number, from: number, to: number, width: number): Decimated {
  const all = known.get(columns) ?? [];
  known.set(columns, all);
  const { revision } = columns;
  let found = all[column];
  if (found?.from !== from || found.to !== to || found.width !== width || found.revision !== revision) {
    found = { ...nothing(width), from, to, revision, pixel: -1, row: lowerBound(columns, from) };
    all[column] = found;
  }
  const arrays = columns.arrays(column);
  if (arrays) addRows(found, columns.length, arrays);
  return found;
}

function nothing(width: number): Decimated {
  const empty = (): Float32Array => new Float32Array(width).fill(Number.NaN);
  const [count, bad] = [new Uint32Array(width), new Uint32Array(width)];
  return { width, low: empty(), high: empty(), mid: empty(), count, bad };
}

/** May run over every row of every line in a frame, so nothing is called inside the loop. */
function addRows(out: Reduction, length: number, arrays: ColumnArrays): void {
  const { from, to, width, low, high, mid, count, bad } = out;
  const { first, capacity, xs } = arrays;
  const perUnit = to > from ? (width - 1) / (to - from) : 0;
  if (out.pixel >= 0) clearPixel(out, out.pixel); // its latest row may have changed, and moved to another pixel
  let newest = -1;
  for (let row = out.row; row < length; row++) {
    const slot = first + row < capacity ? first + row : first + row - capacity;
    const x = xs[slot] as number;
    if (x > to) break;
    const pixel = Math.round((x - from) * perUnit);
    if (pixel !== newest) {
      newest = out.pixel = pixel;
      out.row = row;
    }
    const seen = (count[pixel] as number) + 1;
    count[pixel] = seen;
    const value = arrays.mid[slot] as number;
    const missing = Number.isNaN(value);
    if (arrays.bad) bad[pixel] = (bad[pixel] as number) + (arrays.bad[slot] as number);
    else if (missing) bad[pixel] = (bad[pixel] as number) + 1;
    if (missing) continue;
    const before = mid[pixel] as number;
    if (Number.isNaN(before)) {
      low[pixel] = arrays.low[slot] as number;
      high[pixel] = arrays.high[slot] as number;
      mid[pixel] = value;
      continue;
    }
    if ((arrays.low[slot] as number) < (low[pixel] as number)) low[pixel] = arrays.low[slot] as number;
    if ((arrays.high[slot] as number) > (high[pixel] as number)) high[pixel] = arrays.high[slot] as number;
    // Running mean over the pixel's rows, counting NaN rows too: the error is below a pixel.
    mid[pixel] = before + (value - before) / seen;
  }
}

function clearPixel({ low, high, mid, count, bad }: Reduction, pixel: number): void {
  low[pixel] = high[pixel] = mid[pixel] = Number.NaN;
  count[pixel] = bad[pixel] = 0;
}

/** Smallest and largest finite value of reductions; undefined if there is none. */
export function extent(...parts: readonly Decimated[]): [number, number] | undefined {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const part of parts) {
    for (let pixel = 0; pixel < part.width; pixel++) {
      // Comparisons with NaN are false, which skips pixels without a value.
      const [least, most] = [part.low[pixel] as number, part.high[pixel] as number];
      if (least < low) low = least;
      if (most > high) high = most;
    }
  }
  return low <= high ? [low, high] : undefined;
}

/** Extent of what a log axis can show; `most` is 0 where there is no positive value. */
export interface PositiveExtent {
  readonly least: number;
  readonly most: number;
  /** Whether there are values of 0 (or below). */
  readonly zeros: boolean;
}

export function positiveExtent(...parts: readonly Decimated[]): PositiveExtent {
  let [least, most, zeros] = [Number.POSITIVE_INFINITY, 0, false];
  for (const { width, low, mid, high } of parts) {
    for (let pixel = 0; pixel < width; pixel++) {
      const smallest = low[pixel] as number;
      if (smallest <= 0) zeros = true;
      const lowest = smallest > 0 ? smallest : (mid[pixel] as number); // of a pixel that has a 0, its mean
      if (lowest > 0 && lowest < least) least = lowest;
      if ((high[pixel] as number) > most) most = high[pixel] as number;
    }
  }
  return { least, most, zeros };
}
