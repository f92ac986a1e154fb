/** The arrays of one column, for loops over thousands of rows: row r is at `(first + r) % capacity`. */
export interface ColumnArrays {
  readonly first: number;
  readonly capacity: number;
  readonly xs: Float64Array;
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly mid: Float32Array;
  /** Non-finite measurements per row; absent where every row is one measurement. */
  readonly bad: Uint32Array | undefined;
}

/** A read-only table of numbers over an ascending x, for charts. */
export interface Columns {
  readonly length: number;
  /** Changes when rows move or are removed; not when a row is added at the end or the latest one changes. */
  readonly revision: number;
  x(row: number): number;
  /** Mean of the row's finite measurements; NaN if there are none. */
  mid(row: number, column: number): number;
  low(row: number, column: number): number;
  high(row: number, column: number): number;
  /** Number of the row's measurements that are NaN or infinite in this column. */
  bad(row: number, column: number): number;
  arrays(column: number): ColumnArrays | undefined;
}

/** Ring buffer of the latest `capacity` rows, one typed array per column; a new row overwrites the oldest. */
export class ColumnRing implements Columns {
  readonly #xs: Float64Array;
  readonly #columns: Float32Array[];
  #next = 0;
  #length = 0;
  #revision = 0;

  constructor(
    columns: number,
    readonly capacity: number,
  ) {
    if (!(capacity >= 1)) throw new RangeError(`capacity: expected at least 1 row, got ${capacity}.`);
    this.#xs = new Float64Array(capacity);
    this.#columns = Array.from({ length: columns }, () => new Float32Array(capacity));
  }

  get length(): number {
    return this.#length;
  }

  get revision(): number {
    return this.#revision;
  }

  push(x: number, ...values: readonly number[]): void {
    if (this.#length === this.capacity) this.#revision++; // the oldest row is removed
    this.#xs[this.#next] = x;
    this.#write(this.#next, values);
    this.#next = (this.#next + 1) % this.capacity;
    this.#length = Math.min(this.#length + 1, this.capacity);
  }

  /** Overwrites the latest row's values. */
  amend(...values: readonly number[]): void {
    this.#write(this.#slot(this.#length - 1), values);
  }

  clear(): void {
    this.#revision++;
    this.#next = 0;
    this.#length = 0;
  }

  x(row: number): number {
    return this.#xs[this.#slot(row)] ?? Number.NaN;
  }

  mid(row: number, column: number): number {
    return this.#columns[column]?.[this.#slot(row)] ?? Number.NaN;
  }

  low(row: number, column: number): number {
    return this.mid(row, column);
  }

  high(row: number, column: number): number {
    return this.mid(row, column);
  }

  bad(row: number, column: number): number {
    return Number.isNaN(this.mid(row, column)) ? 1 : 0;
  }

  arrays(column: number): ColumnArrays | undefined {
    const values = this.#columns[column];
    if (!values) return undefined;
    const { capacity } = this;
    return { first: this.#slot(0), capacity, xs: this.#xs, low: values, high: values, mid: values, bad: undefined };
  }

  #write(slot: number, values: readonly number[]): void {
    for (let index = 0; index < this.#columns.length; index++) {
      (this.#columns[index] as Float32Array)[slot] = finiteOr(values[index]);
    }
  }

  #slot(row: number): number {
    return (this.#next - this.#length + row + this.capacity) % this.capacity;
  }
}

/** Infinite values become NaN: charts show both alike. */
function finiteOr(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) ? value : Number.NaN;
}
