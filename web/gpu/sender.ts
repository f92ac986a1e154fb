import type { Buffers } from "./buffers.ts";
import type { DeviceErrors } from "./errors.ts";
import { READ_MODE } from "./flags.ts";
import type { LoadedPlan } from "./plan.ts";
import type { Poll } from "./poll.ts";
import { timesOf } from "./timing.ts";
import type { Report } from "./types.ts";

/** Submits work to a device and fetches the results through reused staging buffers. */
export class Sender {
  readonly #device: GPUDevice;
  readonly #buffers: Buffers;
  readonly #errors: DeviceErrors;
  readonly #poll: Poll;

  constructor(device: GPUDevice, buffers: Buffers, errors: DeviceErrors, poll: Poll) {
    this.#device = device;
    this.#buffers = buffers;
    this.#errors = errors;
    this.#poll = poll;
  }

  /** Submit dispatches of a plan and the copy of its report; resolves to the report. */
  run(plan: LoadedPlan, heap: GPUBuffer, first: number, last: number, timed: boolean): Promise<Report> {
    const timing = timed ? plan.timing(this.#device) : undefined;
    const encoder = this.#device.createCommandEncoder();
    let measured: number[] = [];
    if (timing) measured = timing.encode(encoder, plan, first, last);
    else if (first < last) plan.encode(encoder, first, last);
    const readingsAt = Math.ceil(plan.reportBytes / 8) * 8;
    const bytes = timing ? readingsAt + 16 * measured.length : plan.reportBytes;
    const staging = bytes ? this.#buffers.staging(bytes) : undefined;
    if (staging) {
      plan.encodeReport(encoder, heap, staging);
      timing?.encodeReadings(encoder, measured.length, staging, readingsAt);
    }
    this.#device.queue.submit([encoder.finish()]);
    const arriving = staging ? this.fetch(staging, bytes) : Promise.resolve(new ArrayBuffer(0));
    return arriving.then((got) => ({
      bytes: new Uint8Array(got, 0, plan.reportBytes),
      times: timing ? timesOf(new BigUint64Array(got, readingsAt), measured, plan.spans.length / 2) : null,
    }));
  }

  /** Content of a staging buffer once the submitted work is done; returns the buffer for reuse. */
  async fetch(staging: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    try {
      await this.#poll.during(staging.mapAsync(READ_MODE, 0, Math.ceil(bytes / 8) * 8));
    } catch (error) {
      this.#buffers.free(staging);
      throw await this.#errors.explain(error, "reading from the GPU");
    }
    const got = staging.getMappedRange(0, Math.ceil(bytes / 8) * 8).slice(0, bytes);
    staging.unmap();
    this.#buffers.giveBack(staging);
    return got;
  }
}
