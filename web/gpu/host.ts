import { Buffers } from "./buffers.ts";
import { Faults, MEMORY } from "./faults.ts";
import { COPY_DST, COPY_SRC, READ_MODE, STORAGE } from "./flags.ts";
import { Pipelines } from "./pipelines.ts";
import { LoadedPlan } from "./plan.ts";
import { Poll } from "./poll.ts";
import { Tickets } from "./tickets.ts";
import { Timing, timesOf } from "./timing.ts";
import type { AdapterFacts, Bytes, Counters, Mask, PlanData, Report } from "./types.ts";

const HEAP_USAGE = STORAGE | COPY_SRC | COPY_DST;
const FIRST_BYTES = 256;

/**
 * One device: its heap, and the plans that are loaded.
 *
 * Runs are queued and carried out in order. Errors have the names "DeviceLost", "OutOfMemory" and "GPURefused"; once
 * the device is gone every call throws or rejects with the first.
 */
export class GPUHost {
  readonly adapter: AdapterFacts;
  readonly #device: GPUDevice;
  readonly #queue: GPUQueue;
  readonly #buffers: Buffers;
  readonly #tickets = new Tickets();
  readonly #faults: Faults;
  readonly #pipelines: Pipelines;
  readonly #poll: Poll;
  readonly #plans = new Map<number, LoadedPlan>();
  readonly #timings = new Map<number, Timing>();
  #heap: GPUBuffer;
  #next = 1;
  #runs = 0;
  #dispatches = 0;

  constructor(device: GPUDevice, adapter: AdapterFacts, poll: boolean) {
    this.#device = device;
    this.#queue = device.queue;
    this.adapter = adapter;
    this.#buffers = new Buffers(device);
    this.#faults = new Faults(device, (error) => this.#tickets.fail(error));
    this.#pipelines = new Pipelines(device, this.#faults);
    this.#poll = new Poll(device, poll);
    this.#heap = this.#buffers.make(FIRST_BYTES, HEAP_USAGE);
  }

  /** Why the device is gone; null while it is there. */
  get lost(): string | null {
    return this.#faults.lost?.message ?? null;
  }

  counters(): Counters {
    return {
      runs: this.#runs,
      dispatches: this.#dispatches,
      plans: this.#plans.size,
      pipelines: this.#pipelines.count,
      buffers: this.#buffers.live,
      tickets: this.#tickets.count,
    };
  }

  /** Give the device back; every later call throws. */
  destroy(): void {
    this.#device.destroy();
  }

  // ---- memory; offsets and sizes are multiples of 4 ----

  /** Make the heap larger: what is there stays, the rest is zero. When it is refused nothing has changed. */
  async resize(bytes: number): Promise<void> {
    this.#faults.check();
    const make = () => this.#buffers.make(bytes, HEAP_USAGE);
    const [grown, refused] = this.#faults.watch(`a heap of ${bytes} bytes`, make, MEMORY);
    await refused.catch((error: unknown) => {
      this.#buffers.free(grown);
      throw error;
    });
    this.#move(grown);
  }

  clear(offset: number, bytes: number): void {
    this.#faults.check();
    this.#submit((encoder) => encoder.clearBuffer(this.#heap, offset, bytes));
  }

  write(offset: number, bytes: Bytes): void {
    this.#faults.check();
    lend(bytes, (data) => this.#queue.writeBuffer(this.#heap, offset, data));
  }

  /** A part of the heap when all that was queued before is done. */
  async read(offset: number, bytes: number): Promise<Uint8Array> {
    this.#faults.check();
    const staging = this.#buffers.staging(bytes);
    const copy = () => this.#submit((encoder) => encoder.copyBufferToBuffer(this.#heap, offset, staging, 0, bytes));
    const [, refused] = this.#faults.watch("reading from the GPU", copy);
    const [got] = await Promise.all([this.#fetch(staging, bytes), refused]);
    this.#faults.check(); // what went wrong before is known by now, and may have gone into these bytes
    return new Uint8Array(got);
  }

  // ---- plans ----

  /** Make a plan ready; gives the number that it is known by. Rejects with the compiler's words. */
  async load(data: PlanData): Promise<number> {
    this.#faults.check();
    const pipelines = await Promise.all(data.kernels.map((kernel) => this.#pipelines.get(kernel)));
    const number = this.#next++;
    const make = () => {
      const plan = new LoadedPlan(data, pipelines, this.#buffers);
      plan.bind(this.#device, this.#pipelines.groupLayout, this.#heap);
      this.#plans.set(number, plan);
    };
    const [, refused] = this.#faults.watch("a plan", make, MEMORY);
    await refused.catch((error: unknown) => {
      this.unload(number);
      throw error;
    });
    return number;
  }

  unload(number: number): void {
    this.#plans.get(number)?.free();
    this.#timings.get(number)?.free();
    this.#plans.delete(number);
    this.#timings.delete(number);
  }

  /**
   * Queue the dispatches `first` … `last` - 1 of a plan and the sending of its report.
   *
   * @param staged - bytes of all inputs, as the plan places them.
   * @param fresh - the inputs to be written first.
   * @param timed - whether to measure spans, where the device can.
   * @returns a ticket for the report.
   */
  run(number: number, first: number, last: number, staged: Bytes, fresh: Mask, timed: boolean): number {
    this.#faults.check();
    const plan = this.#plan(number);
    const timing = timed ? this.#timing(number, plan) : undefined;
    const [arriving, refused] = this.#faults.watch("a run", () => {
      if (fresh) lend(staged, (data) => plan.writeInputs(this.#queue, this.#heap, data, fresh));
      return this.#send(plan, first, last, timing);
    });
    this.#runs += 1;
    this.#dispatches += last - first;
    return this.#tickets.add(Promise.all([arriving, refused]).then(([report]) => report));
  }

  /** The report of a run when it has arrived already, else null. A report is given once. */
  arrived(ticket: number): Report | null {
    this.#faults.check();
    return this.#tickets.arrived(ticket);
  }

  /** The report of a run; one that nobody asks for is dropped when 64 newer ones are there. */
  report(ticket: number): Promise<Report> {
    return this.#tickets.take(ticket);
  }

  #plan(number: number): LoadedPlan {
    const plan = this.#plans.get(number);
    if (!plan) throw new RangeError(`plan ${number}: it was unloaded or never loaded`);
    return plan;
  }

  #timing(number: number, plan: LoadedPlan): Timing | undefined {
    const spans = plan.spans.length / 2;
    if (!Timing.fits(this.#device, spans)) return undefined;
    const timing = this.#timings.get(number) ?? new Timing(this.#device, this.#buffers, spans);
    this.#timings.set(number, timing);
    return timing;
  }

  /** Submit dispatches and the copy of what they leave; gives the report when it comes. */
  #send(plan: LoadedPlan, first: number, last: number, timing: Timing | undefined): Promise<Report> {
    const encoder = this.#device.createCommandEncoder();
    let measured: number[] = [];
    if (timing) measured = timing.encode(encoder, plan, first, last);
    else if (first < last) plan.encode(encoder, first, last);
    const readingsAt = Math.ceil(plan.reportBytes / 8) * 8;
    const bytes = timing ? readingsAt + 16 * measured.length : plan.reportBytes;
    const staging = bytes ? this.#buffers.staging(bytes) : undefined;
    if (staging) {
      plan.encodeReport(encoder, this.#heap, staging);
      timing?.encodeReadings(encoder, measured.length, staging, readingsAt);
    }
    this.#queue.submit([encoder.finish()]);
    const arriving = staging ? this.#fetch(staging, bytes) : Promise.resolve(new ArrayBuffer(0));
    return arriving.then((got) => ({
      bytes: new Uint8Array(got, 0, plan.reportBytes),
      times: timing ? timesOf(new BigUint64Array(got, readingsAt), measured, plan.spans.length / 2) : null,
    }));
  }

  #move(heap: GPUBuffer): void {
    const old = this.#heap;
    this.#submit((encoder) => encoder.copyBufferToBuffer(old, 0, heap, 0, Math.min(old.size, heap.size)));
    this.#heap = heap;
    for (const plan of this.#plans.values()) plan.bind(this.#device, this.#pipelines.groupLayout, heap);
    this.#buffers.free(old); // WebGPU keeps it until what is queued is done
  }

  #submit(encode: (encoder: GPUCommandEncoder) => void): void {
    const encoder = this.#device.createCommandEncoder();
    encode(encoder);
    this.#queue.submit([encoder.finish()]);
  }

  /** What a staging buffer holds when the work that fills it is done; the buffer is given back. */
  async #fetch(staging: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    try {
      await this.#poll.during(staging.mapAsync(READ_MODE, 0, Math.ceil(bytes / 8) * 8));
    } catch (error) {
      this.#buffers.free(staging);
      throw await this.#faults.explain(error, "reading from the GPU");
    }
    const got = staging.getMappedRange(0, Math.ceil(bytes / 8) * 8).slice(0, bytes);
    staging.unmap();
    this.#buffers.giveBack(staging);
    return got;
  }
}

/** Use bytes that may lie in memory that moves: the view is good inside `use` alone. */
function lend(bytes: Bytes, use: (data: Uint8Array<ArrayBuffer>) => void): void {
  if (bytes instanceof Uint8Array) {
    use(bytes);
    return;
  }
  const lent = bytes.getBuffer("u8");
  try {
    use(lent.data);
  } finally {
    lent.release();
  }
}
