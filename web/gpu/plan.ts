import type { Buffers } from "./buffers.ts";
import { UNIFORM } from "./flags.ts";
import { PARAMETER_BYTES } from "./pipelines.ts";
import { Timing } from "./timing.ts";
import type { Mask, PlanData } from "./types.ts";

/** A plan loaded on a device, ready to run. */
export class LoadedPlan {
  readonly reportBytes: number;
  readonly spans: Uint32Array;
  readonly dispatches: number;
  readonly #pipelines: readonly GPUComputePipeline[];
  readonly #rows: Uint32Array;
  readonly #inputs: Uint32Array;
  readonly #report: Uint32Array;
  readonly #offsets: Uint32Array<ArrayBuffer>;
  readonly #params: GPUBuffer;
  readonly #buffers: Buffers;
  #group!: GPUBindGroup;
  #timing: Timing | undefined;

  constructor(data: PlanData, pipelines: readonly GPUComputePipeline[], buffers: Buffers) {
    this.#pipelines = pipelines;
    this.#rows = data.dispatches;
    this.#inputs = data.inputs;
    this.#report = data.report;
    this.spans = data.spans;
    this.dispatches = data.dispatches.length / 4;
    this.reportBytes = data.report.reduce((sum, bytes, at) => sum + (at % 2 ? bytes : 0), 0);
    this.#offsets = Uint32Array.from({ length: this.dispatches }, (_, at) => at * PARAMETER_BYTES);
    this.#buffers = buffers;
    this.#params = buffers.filled(this.dispatches ? data.params : new Uint8Array(PARAMETER_BYTES), UNIFORM);
  }

  /** Bind to a heap buffer: on loading and after every resize. */
  bind(device: GPUDevice, layout: GPUBindGroupLayout, heap: GPUBuffer): void {
    this.#group = device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: heap } },
        { binding: 1, resource: { buffer: this.#params, size: PARAMETER_BYTES } },
      ],
    });
  }

  free(): void {
    this.#buffers.free(this.#params);
    this.#timing?.free();
  }

  /** The timing of its spans; undefined if the device cannot measure them. */
  timing(device: GPUDevice): Timing | undefined {
    const spans = this.spans.length / 2;
    if (Timing.fits(device, spans)) this.#timing ??= new Timing(device, this.#buffers, spans);
    return this.#timing;
  }

  /** Copy the inputs in the mask into the heap. */
  writeInputs(queue: GPUQueue, heap: GPUBuffer, staged: Uint8Array<ArrayBuffer>, fresh: Mask): void {
    const rows = this.#inputs;
    for (let at = 0; at < rows.length; at += 3) {
      const bytes = rows[at + 2] as number;
      if (bytes && has(fresh, at / 3)) {
        queue.writeBuffer(heap, rows[at] as number, staged, rows[at + 1] as number, bytes);
      }
    }
  }

  /** Encode the dispatches `first` … `last` - 1 as one compute pass. */
  encode(encoder: GPUCommandEncoder, first: number, last: number, stamps?: GPUComputePassTimestampWrites): void {
    const rows = this.#rows;
    const work = encoder.beginComputePass(stamps && { timestampWrites: stamps });
    let current = -1;
    for (let number = first, at = 4 * first; number < last; number++, at += 4) {
      const kernel = rows[at] as number;
      if (kernel !== current) {
        work.setPipeline(this.#pipelines[kernel] as GPUComputePipeline);
        current = kernel;
      }
      // Offsets are passed by their place in one array: an array per call would be garbage per dispatch.
      work.setBindGroup(0, this.#group, this.#offsets, number, 1);
      work.dispatchWorkgroups(rows[at + 1] as number, rows[at + 2], rows[at + 3]);
    }
    work.end();
  }

  /** Encode the copy of the report into a staging buffer. */
  encodeReport(encoder: GPUCommandEncoder, heap: GPUBuffer, staging: GPUBuffer): void {
    const rows = this.#report;
    for (let at = 0, end = 0; at < rows.length; at += 2) {
      const bytes = rows[at + 1] as number;
      encoder.copyBufferToBuffer(heap, rows[at] as number, staging, end, bytes);
      end += bytes;
    }
  }
}

/** Whether a bit is set; JavaScript's bit operators see only 32 bits of a number. */
function has(mask: Mask, bit: number): boolean {
  if (typeof mask === "bigint") return ((mask >> BigInt(bit)) & 1n) === 1n;
  return Math.floor(mask / 2 ** bit) % 2 === 1;
}
