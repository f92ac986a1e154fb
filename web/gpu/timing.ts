import type { Buffers } from "./buffers.ts";
import { COPY_SRC, QUERY_RESOLVE } from "./flags.ts";

/** WebGPU's limit for a query set, at two queries per span. */
const MOST_SPANS = 2048;

/** The part of a plan that timing uses. */
interface TimedPlan {
  /** Rows of 2: first and last + 1 dispatch of each span. */
  readonly spans: Uint32Array;
  encode(encoder: GPUCommandEncoder, first: number, last: number, stamps?: GPUComputePassTimestampWrites): void;
}

/** Measures the spans of one plan: one compute pass per span, with a GPU timestamp at its start and end. */
export class Timing {
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #buffers: Buffers;

  constructor(device: GPUDevice, buffers: Buffers, spans: number) {
    this.#buffers = buffers;
    this.#queries = device.createQuerySet({ type: "timestamp", count: 2 * spans });
    this.#resolved = buffers.make(16 * spans, QUERY_RESOLVE | COPY_SRC);
  }

  /** Whether this device can measure a plan. */
  static fits(device: GPUDevice, spans: number): boolean {
    return device.features.has("timestamp-query") && spans > 0 && spans <= MOST_SPANS;
  }

  free(): void {
    this.#queries.destroy();
    this.#buffers.free(this.#resolved);
  }

  /** Encode the dispatches `first` … `last` - 1; returns the numbers of the measured spans. */
  encode(encoder: GPUCommandEncoder, plan: TimedPlan, first: number, last: number): number[] {
    const measured: number[] = [];
    let end = first;
    for (let span = 0; span < plan.spans.length / 2; span++) {
      const from = Math.max(plan.spans[2 * span] as number, end);
      const to = Math.min(plan.spans[2 * span + 1] as number, last);
      if (from >= to) continue;
      if (end < from) plan.encode(encoder, end, from); // outside of spans
      const place = 2 * measured.length;
      plan.encode(encoder, from, to, {
        querySet: this.#queries,
        beginningOfPassWriteIndex: place,
        endOfPassWriteIndex: place + 1,
      });
      measured.push(span);
      end = to;
    }
    if (end < last) plan.encode(encoder, end, last);
    return measured;
  }

  /** Encode the copy of the timestamps of `count` spans into a buffer. */
  encodeReadings(encoder: GPUCommandEncoder, count: number, staging: GPUBuffer, offset: number): void {
    if (count === 0) return;
    encoder.resolveQuerySet(this.#queries, 0, 2 * count, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, offset, 16 * count);
  }
}

/** Nanoseconds of each span from its timestamps; 0 if the clock was reset in between. */
export function timesOf(readings: BigUint64Array, measured: readonly number[], spans: number): Float64Array {
  const times = new Float64Array(spans);
  measured.forEach((span, place) => {
    const [begin = 0n, end = 0n] = [readings[2 * place], readings[2 * place + 1]];
    times[span] = end > begin ? Number(end - begin) : 0;
  });
  return times;
}
