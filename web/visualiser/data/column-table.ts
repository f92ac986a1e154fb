import type { ColumnarRows } from "./messages";

const ABSENT = new Float32Array(0);

/** The columns of one message by name, as they were transferred: views of its data, never copies. */
export class ColumnTable {
  readonly rows: number;
  readonly #names: readonly string[];
  readonly #data: Float32Array;
  readonly #views = new Map<string, Float32Array>();

  constructor({ columns, rows, data }: ColumnarRows) {
    this.rows = rows;
    this.#names = columns;
    this.#data = data;
  }

  /** The column of that name; empty if the message has none. */
  column(name: string): Float32Array {
    const known = this.#views.get(name);
    if (known) return known;
    const index = this.#names.indexOf(name);
    const view = index < 0 ? ABSENT : this.#data.subarray(index * this.rows, (index + 1) * this.rows);
    this.#views.set(name, view);
    return view;
  }

  /** One number; NaN where nothing was measured. */
  value(name: string, row: number): number {
    return this.column(name)[row] ?? Number.NaN;
  }
}
