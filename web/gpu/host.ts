import { withBytes } from "./borrowed-bytes.ts";
import { Buffers } from "./buffers.ts";
import { DeviceErrors, MEMORY } from "./errors.ts";
import { COPY_DST, COPY_SRC, STORAGE } from "./flags.ts";
import { PendingReports } from "./pending-reports.ts";
import { Pipelines } from "./pipelines.ts";
import { LoadedPlan } from "./plan.ts";
import { Poll } from "./poll.ts";
import { Sender } from "./sender.ts";
import type { AdapterFacts, Bytes, Counters, Mask, PlanData, Report } from "./types.ts";

const HEAP_USAGE = STORAGE | COPY_SRC | COPY_DST;
const FIRST_BYTES = 256;

/**
 * One device: its heap, and the plans that are loaded.
 *
 * Runs are queued and executed in order. Errors have the names "DeviceLost", "OutOfMemory" and "GPURefused"; after the
 * loss of the device every call throws or rejects with "DeviceLost".
 */
export class GPUHost {
  readonly adapter: AdapterFacts;
  readonly #device: GPUDevice;
  readonly #queue: GPUQueue;
  readonly #buffers: Buffers;
  readonly #reports = new PendingReports();
  readonly #errors: DeviceErrors;
  readonly #pipelines: Pipelines;
  readonly #sender: Sender;
  readonly #plans = new Map<number, LoadedPlan>();
  #heap: GPUBuffer;
  #next = 1;
  #runs = 0;
  #dispatches = 0;

  constructor(device: GPUDevice, adapter: AdapterFacts, poll: boolean) {
    this.#device = device;
    this.#queue = device.queue;
    this.adapter = adapter;
    this.#buffers = new Buffers(device);
    this.#errors = new DeviceErrors(device, (error) => this.#reports.fail(error));
    this.#pipelines = new Pipelines(device, this.#errors);
    this.#sender = new Sender(device, this.#buffers, this.#errors, new Poll(device, poll));
    this.#heap = this.#buffers.make(FIRST_BYTES, HEAP_USAGE);
  }

  /** Message about the loss of the device; null while it works. */
  get lost(): string | null {
    return this.#errors.lost?.message ?? null;
  }

  counters(): Counters {
    return {
      runs: this.#runs,
      dispatches: this.#dispatches,
      plans: this.#plans.size,
      pipelines: this.#pipelines.count,
      buffers: this.#buffers.live,
      pendingReports: this.#reports.count,
    };
  }

  /** Destroy the device; every later call throws. */
  destroy(): void {
    this.#device.destroy();
  }

  // ---- memory; offsets and sizes are multiples of 4 ----

  /** Enlarge the heap: its content stays, the rest is zero. If the device refuses, nothing changes. */
  async resize(bytes: number): Promise<void> {
    this.#errors.check();
    const make = () => this.#buffers.make(bytes, HEAP_USAGE);
    const [grown, refused] = this.#errors.watch(`a heap of ${bytes} bytes`, make, MEMORY);
    await refused.catch((error: unknown) => {
      this.#buffers.free(grown);
      throw error;
    });
    this.#move(grown);
  }

  clear(offset: number, bytes: number): void {
    this.#errors.check();
    this.#submit((encoder) => encoder.clearBuffer(this.#heap, offset, bytes));
  }

  write(offset: number, bytes: Bytes): void {
    this.#errors.check();
    withBytes(bytes, (data) => this.#queue.writeBuffer(this.#heap, offset, data));
  }

  /** Read a part of the heap after all work queued before. */
  async read(offset: number, bytes: number): Promise<Uint8Array> {
    this.#errors.check();
    const staging = this.#buffers.staging(bytes);
    const copy = () => this.#submit((encoder) => encoder.copyBufferToBuffer(this.#heap, offset, staging, 0, bytes));
    const [, refused] = this.#errors.watch("reading from the GPU", copy);
    const [got] = await Promise.all([this.#sender.fetch(staging, bytes), refused]);
    this.#errors.check(); // earlier errors are known by now, and may have affected these bytes
    return new Uint8Array(got);
  }

  // ---- plans ----

  /** Load a plan; returns its number. Rejects with the compiler's messages. */
  async load(data: PlanData): Promise<number> {
    this.#errors.check();
    const pipelines = await Promise.all(data.kernels.map((kernel) => this.#pipelines.get(kernel)));
    const number = this.#next++;
    const make = () => {
      const plan = new LoadedPlan(data, pipelines, this.#buffers);
      plan.bind(this.#device, this.#pipelines.groupLayout, this.#heap);
      this.#plans.set(number, plan);
    };
    const [, refused] = this.#errors.watch("a plan", make, MEMORY);
    await refused.catch((error: unknown) => {
      this.unload(number);
      throw error;
    });
    return number;
  }

  unload(number: number): void {
    this.#plans.get(number)?.free();
    this.#plans.delete(number);
  }

  /**
   * Queue the dispatches `first` … `last` - 1 of a plan and the copy of its report.
   *
   * @param staged - bytes of all inputs, in the layout of the plan.
   * @param fresh - the inputs to write before the dispatches.
   * @param timed - whether to measure spans, if the device can.
   * @returns a ticket for the report.
   */
  run(number: number, first: number, last: number, staged: Bytes, fresh: Mask, timed: boolean): number {
    this.#errors.check();
    const plan = this.#plan(number);
    const [arriving, refused] = this.#errors.watch("a run", () => {
      if (fresh) withBytes(staged, (data) => plan.writeInputs(this.#queue, this.#heap, data, fresh));
      return this.#sender.run(plan, this.#heap, first, last, timed);
    });
    this.#runs += 1;
    this.#dispatches += last - first;
    return this.#reports.add(Promise.all([arriving, refused]).then(([report]) => report));
  }

  /** The report of a run if it has arrived, else null. Each report is returned once. */
  arrived(ticket: number): Report | null {
    this.#errors.check();
    return this.#reports.arrived(ticket);
  }

  /** The report of a run; kept until it is fetched or forgotten. */
  report(ticket: number): Promise<Report> {
    return this.#reports.take(ticket);
  }

  /** Drop a report that will not be fetched. */
  forget(ticket: number): void {
    this.#reports.forget(ticket);
  }

  #plan(number: number): LoadedPlan {
    const plan = this.#plans.get(number);
    if (!plan) throw new RangeError(`plan ${number}: it was unloaded or never loaded`);
    return plan;
  }

  #move(heap: GPUBuffer): void {
    const old = this.#heap;
    this.#submit((encoder) => encoder.copyBufferToBuffer(old, 0, heap, 0, Math.min(old.size, heap.size)));
    this.#heap = heap;
    for (const plan of this.#plans.values()) plan.bind(this.#device, this.#pipelines.groupLayout, heap);
    this.#buffers.free(old); // WebGPU keeps it until the queued work is done
  }

  #submit(encode: (encoder: GPUCommandEncoder) => void): void {
    const encoder = this.#device.createCommandEncoder();
    encode(encoder);
    this.#queue.submit([encoder.finish()]);
  }
}
