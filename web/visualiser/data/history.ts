import { ColumnRing, type Columns } from "./ring";
import { Timeline } from "./timeline";

/** Part of a run that the charts show. */
export type Span = "run" | "recent";

export const RECENT_ROWS = 500;
const RUN_ROWS = 2048;

/** One measured quantity over the whole run, and its latest rows at full resolution. */
export class History {
  readonly #run: Timeline;
  readonly #recent: ColumnRing;

  constructor(columns: number) {
    this.#run = new Timeline(columns, RUN_ROWS);
    this.#recent = new ColumnRing(columns, RECENT_ROWS);
  }

  push(x: number, ...values: readonly number[]): void {
    this.#run.push(x, ...values);
    this.#recent.push(x, ...values);
  }

  view(span: Span): Columns {
    return span === "run" ? this.#run : this.#recent;
  }

  clear(): void {
    this.#run.clear();
    this.#recent.clear();
  }
}

/**
 * Exponential moving average with bias correction (Kingma & Ba, 2014, section 3).
 *
 * A non-finite value gives NaN and is left out of the average.
 */
export class Smoother {
  #sum = 0;
  #weight = 0;

  constructor(readonly decay: number) {}

  next(value: number): number {
    if (!Number.isFinite(value)) return Number.NaN;
    this.#sum = this.decay * this.#sum + (1 - this.decay) * value;
    this.#weight = this.decay * this.#weight + (1 - this.decay);
    return this.#sum / this.#weight;
  }

  clear(): void {
    this.#sum = 0;
    this.#weight = 0;
  }
}
