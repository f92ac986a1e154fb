import type { LayerNode } from "./blueprint";
import type { ColumnTable } from "./column-table";
import { History, Smoother } from "./history";
import type { MeasuredName } from "./statistics";

/** One layer's statistics of one pass: a row of a message's columns, read in place. */
export class PassStats {
  constructor(
    readonly table: ColumnTable,
    readonly row: number,
  ) {}

  /** NaN where nothing was measured. */
  value(name: MeasuredName): number {
    return this.table.value(name, this.row);
  }

  get nanCount(): number {
    return this.value("nan_count") || 0;
  }

  /** NaN and infinite outputs together. */
  get nonFinite(): number {
    return this.nanCount + (this.value("inf_count") || 0);
  }
}

/** Columns of `outputs`. */
export const OUTPUT = { low: 0, mean: 1, high: 2 } as const;

/** One layer: its latest statistics and the histories that its charts draw. */
export class LayerState {
  forward: PassStats | undefined;
  backward: PassStats | undefined;
  /** Mean ± one standard deviation of the outputs, over forward passes. */
  readonly outputs = new History(3);
  /** L2 norm of the parameters' gradient, over backward passes; empty for a layer without parameters. */
  readonly gradients = new History(1);
  readonly #forwardTime = new Smoother(0.95);
  readonly #backwardTime = new Smoother(0.95);
  /** A forward pass whose backward pass has not arrived. */
  #waiting: PassStats | undefined;
  #waitingStep = Number.NaN;
  #forwardNs = Number.NaN;
  #backwardNs = Number.NaN;

  constructor(readonly node: LayerNode) {}

  /** Forward and backward time together, smoothed, in nanoseconds; NaN before the first measurement. */
  get timeNs(): number {
    const parts = [this.#forwardNs, this.#backwardNs].filter((part) => !Number.isNaN(part));
    return parts.length === 0 ? Number.NaN : parts.reduce((sum, part) => sum + part, 0);
  }

  /** NaN values in the latest passes. */
  get nanCount(): number {
    return (this.forward?.nanCount ?? 0) + (this.backward?.nanCount ?? 0);
  }

  /** NaN and infinite values in the latest passes. */
  get nonFinite(): number {
    return (this.forward?.nonFinite ?? 0) + (this.backward?.nonFinite ?? 0);
  }

  /** Whether the latest passes hold a value that is not finite, a gradient's norm included. */
  get broken(): boolean {
    if (this.nonFinite > 0) return true;
    return this.#hasGradient && this.backward !== undefined && !Number.isFinite(this.backward.value("gradient_norm"));
  }

  /**
   * Adds a forward pass.
   *
   * In training a forward pass counts once its backward pass has followed. A forward pass alone, such as a prediction
   * between two steps, has another batch size and is left out of the charts; it colours the picture only until the
   * first training step, or when it contains NaN or infinity.
   */
  pushForward(step: number, stats: PassStats): void {
    this.#waiting = stats;
    this.#waitingStep = step;
    if (!this.backward || stats.nonFinite > 0) this.forward = stats;
  }

  /** Adds a backward pass, and the forward pass before it to the charts. */
  pushBackward(step: number, stats: PassStats): void {
    this.#commitForward();
    this.backward = stats;
    const time = stats.value("compute_time_ns");
    if (!Number.isNaN(time)) this.#backwardNs = this.#backwardTime.next(time);
    // A parameter's missing gradient is news: NaN leaves its mark in the chart.
    if (this.#hasGradient) this.gradients.push(step, stats.value("gradient_norm"));
  }

  get #hasGradient(): boolean {
    return this.node.info.num_params > 0;
  }

  #commitForward(): void {
    const stats = this.#waiting;
    if (!stats) return;
    this.#waiting = undefined;
    this.forward = stats;
    const time = stats.value("compute_time_ns");
    if (!Number.isNaN(time)) this.#forwardNs = this.#forwardTime.next(time);
    const mean = stats.nonFinite > 0 ? Number.NaN : stats.value("output_mean");
    const std = stats.value("output_std");
    this.outputs.push(this.#waitingStep, mean - std, mean, mean + std);
  }
}
