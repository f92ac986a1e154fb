import type { ColumnArrays, Columns } from "./ring";

/** One column, aggregated per row: extremes and mean of the finite measurements, count of the others. */
interface Fold {
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly mid: Float32Array;
  readonly bad: Uint32Array;
}

/**
 * A whole run, from its first step to its last, in bounded memory.
 *
 * Each row aggregates `stride` measurements. When all rows are used, neighbours are merged in pairs and the stride
 * doubles, so extremes and non-finite values are never lost, however long the run.
 */
export class Timeline implements Columns {
  readonly #xs: Float64Array;
  readonly #counts: Uint32Array;
  readonly #folds: Fold[];
  #length = 0;
  #stride = 1;
  #revision = 0;

  constructor(
    columns: number,
    readonly capacity: number,
  ) {
    if (!(capacity >= 2) || capacity % 2 !== 0) {
      throw new RangeError(`capacity: expected an even number of rows, 2 or more, got ${capacity}.`);
    }
    this.#xs = new Float64Array(capacity);
    this.#counts = new Uint32Array(capacity);
    this.#folds = Array.from({ length: columns }, () => ({
      low: new Float32Array(capacity),
      high: new Float32Array(capacity),
      mid: new Float32Array(capacity),
      bad: new Uint32Array(capacity),
    }));
  }

  get length(): number {
    return this.#length;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Measurements per full row. */
  get stride(): number {
    return this.#stride;
  }

  /** Appends one measurement; x must not decrease. */
  push(x: number, ...values: readonly number[]): void {
    const open = this.#length > 0 && (this.#counts[this.#length - 1] ?? 0) < this.#stride;
    if (!open && this.#length === this.capacity) {
      this.#halve();
      this.push(x, ...values);
      return;
    }
    const row = open ? this.#length - 1 : this.#length++;
    if (!open) this.#counts[row] = 0;
    this.#counts[row] = (this.#counts[row] ?? 0) + 1;
    this.#xs[row] = x;
    const count = this.#counts[row] ?? 1;
    for (let column = 0; column < this.#folds.length; column++) {
      const fold = this.#folds[column] as Fold;
      if (!open) clearRow(fold, row);
      addTo(fold, row, values[column] ?? Number.NaN, count);
    }
  }

  clear(): void {
    this.#revision++;
    this.#length = 0;
    this.#stride = 1;
  }

  x(row: number): number {
    return this.#xs[row] ?? Number.NaN;
  }

  mid(row: number, column: number): number {
    return this.#folds[column]?.mid[row] ?? Number.NaN;
  }

  low(row: number, column: number): number {
    return this.#folds[column]?.low[row] ?? Number.NaN;
  }

  high(row: number, column: number): number {
    return this.#folds[column]?.high[row] ?? Number.NaN;
  }

  bad(row: number, column: number): number {
    return this.#folds[column]?.bad[row] ?? 0;
  }

  arrays(column: number): ColumnArrays | undefined {
    const fold = this.#folds[column];
    return fold && { first: 0, capacity: this.capacity, xs: this.#xs, ...fold };
  }

  #halve(): void {
    this.#revision++;
    for (const fold of this.#folds) {
      for (let row = 0; row < this.capacity; row += 2) foldPair(fold, row, this.#counts);
    }
    for (let row = 0; row < this.capacity; row += 2) {
      this.#xs[row / 2] = this.#xs[row + 1] ?? 0;
      this.#counts[row / 2] = (this.#counts[row] ?? 0) + (this.#counts[row + 1] ?? 0);
    }
    this.#length = this.capacity / 2;
    this.#stride *= 2;
  }
}

function clearRow(fold: Fold, row: number): void {
  fold.low[row] = Number.NaN;
  fold.high[row] = Number.NaN;
  fold.mid[row] = Number.NaN;
  fold.bad[row] = 0;
}

function addTo(fold: Fold, row: number, value: number, count: number): void {
  if (!Number.isFinite(value)) {
    fold.bad[row] = (fold.bad[row] ?? 0) + 1;
    return;
  }
  const finite = count - (fold.bad[row] ?? 0); // finite measurements so far, this one included
  const before = fold.mid[row] ?? Number.NaN;
  fold.low[row] = finite === 1 ? value : Math.min(fold.low[row] ?? value, value);
  fold.high[row] = finite === 1 ? value : Math.max(fold.high[row] ?? value, value);
  fold.mid[row] = finite === 1 ? value : before + (value - before) / finite;
}

/** Merges rows `row` and `row + 1` into `row / 2`; means are weighted by their finite measurements. */
function foldPair(fold: Fold, row: number, counts: Uint32Array): void {
  const to = row / 2;
  const leftBad = fold.bad[row] ?? 0;
  const rightBad = fold.bad[row + 1] ?? 0;
  const left = (counts[row] ?? 0) - leftBad;
  const right = (counts[row + 1] ?? 0) - rightBad;
  const pick = left === 0 ? row + 1 : row; // a side without finite values is ignored
  const both = left > 0 && right > 0;
  const [low, high, mid] = [fold.low, fold.high, fold.mid];
  const at = (column: Float32Array, index: number): number => column[index] ?? Number.NaN;
  low[to] = both ? Math.min(at(low, row), at(low, row + 1)) : at(low, pick);
  high[to] = both ? Math.max(at(high, row), at(high, row + 1)) : at(high, pick);
  mid[to] = both ? (at(mid, row) * left + at(mid, row + 1) * right) / (left + right) : at(mid, pick);
  fold.bad[to] = leftBad + rightBad;
}
