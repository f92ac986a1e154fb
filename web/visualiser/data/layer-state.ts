import type { LayerNode } from "./blueprint";
import { History, Smoother } from "./history";
import type { StatsMessage } from "./messages";

/** Statistics of one pass by the contract's column names; NaN where nothing was measured. */
export type PassStats = Readonly<Record<string, number>>;

/** Columns of `outputs`. */
export const OUTPUT = { low: 0, mean: 1, high: 2 } as const;

/** What is known of one layer: its newest statistics and what its charts draw. */
export class LayerState {
  forward: PassStats | undefined;
  backward: PassStats | undefined;
  /** Mean ± one standard deviation of the outputs, over forward passes. */
  readonly outputs = new History(3);
  /** L2 norm of the parameters' gradient, over backward passes; empty for a layer without parameters. */
  readonly gradients = new History(1);
  readonly #forwardTime = new Smoother(0.95);
  readonly #backwardTime = new Smoother(0.95);
  #waiting: { readonly step: number; readonly stats: PassStats } | undefined;
  #forwardNs = Number.NaN;
  #backwardNs = Number.NaN;

  constructor(readonly node: LayerNode) {}

  /** Forward and backward time together, smoothed, in nanoseconds; NaN before the first measurement. */
  get timeNs(): number {
    const parts = [this.#forwardNs, this.#backwardNs].filter((part) => !Number.isNaN(part));
    return parts.length === 0 ? Number.NaN : parts.reduce((sum, part) => sum + part, 0);
  }

  /** NaN and infinite values in the newest passes. */
  get nonFinite(): number {
    return countOf(this.forward, "nan_count", "inf_count") + countOf(this.backward, "nan_count", "inf_count");
  }

  /** Whether the newest passes hold anything that is no finite number, a gradient's norm included. */
  get broken(): boolean {
    const norm = this.backward?.gradient_norm ?? Number.NaN;
    return (
      this.nonFinite > 0 || (this.backward !== undefined && this.node.info.num_params > 0 && !Number.isFinite(norm))
    );
  }

  /**
   * Takes in one pass.
   *
   * In training a forward pass counts once its backward pass has followed. A forward pass alone, such as a prediction
   * between two steps, has another batch size and no place in the charts; it colours the picture only as long as
   * nothing has been trained, or when it holds NaN or infinity.
   */
  push(step: number, stats: PassStats): void {
    if (stats.phase === 1) {
      this.#commitForward();
      this.#takeBackward(step, stats);
      return;
    }
    this.#waiting = { step, stats };
    if (!this.backward || countOf(stats, "nan_count", "inf_count") > 0) this.forward = stats;
  }

  #commitForward(): void {
    if (!this.#waiting) return;
    const { step, stats } = this.#waiting;
    this.#waiting = undefined;
    this.forward = stats;
    const time = stats.compute_time_ns ?? Number.NaN;
    if (!Number.isNaN(time)) this.#forwardNs = this.#forwardTime.next(time);
    const mean = countOf(stats, "nan_count", "inf_count") > 0 ? Number.NaN : (stats.output_mean ?? Number.NaN);
    const std = stats.output_std ?? Number.NaN;
    this.outputs.push(step, mean - std, mean, mean + std);
  }

  #takeBackward(step: number, stats: PassStats): void {
    this.backward = stats;
    const time = stats.compute_time_ns ?? Number.NaN;
    if (!Number.isNaN(time)) this.#backwardNs = this.#backwardTime.next(time);
    // Without parameters there is no gradient to miss; with them, NaN is news and leaves its mark.
    if (this.node.info.num_params > 0) this.gradients.push(step, stats.gradient_norm ?? Number.NaN);
  }
}

function countOf(stats: PassStats | undefined, ...columns: readonly string[]): number {
  return columns.reduce((sum, column) => sum + (stats?.[column] || 0), 0);
}

/** Hands each row of a message to `take`, as numbers by column name. */
export function eachStatsRow(message: StatsMessage, take: (stats: PassStats) => void): void {
  for (let row = 0; row < message.rows; row++) {
    const stats: Record<string, number> = {};
    message.columns.forEach((column, index) => {
      stats[column] = message.data[index * message.rows + row] ?? Number.NaN;
    });
    take(stats);
  }
}
