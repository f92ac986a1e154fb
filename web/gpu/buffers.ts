import { COPY_DST, MAP_READ } from "./flags.ts";

/** Larger staging buffers are freed after use, smaller ones kept for the next. */
const KEPT_BYTES = 1 << 20;
/** So many of each size are kept. */
const KEPT = 8;
const LEAST_BYTES = 256;

/** Makes and frees a device's buffers, and counts those that live. */
export class Buffers {
  readonly #device: GPUDevice;
  readonly #spare = new Map<number, GPUBuffer[]>();
  #live = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get live(): number {
    return this.#live;
  }

  make(size: number, usage: number): GPUBuffer {
    const buffer = this.#device.createBuffer({ size, usage });
    this.#live += 1;
    return buffer;
  }

  /** A buffer with this content. */
  filled(bytes: Uint8Array, usage: number): GPUBuffer {
    const buffer = this.#device.createBuffer({ size: bytes.byteLength, usage, mappedAtCreation: true });
    this.#live += 1;
    new Uint8Array(buffer.getMappedRange()).set(bytes);
    buffer.unmap();
    return buffer;
  }

  free(buffer: GPUBuffer): void {
    buffer.destroy();
    this.#live -= 1;
  }

  /** A buffer of at least so many bytes that can be copied to and then mapped. */
  staging(bytes: number): GPUBuffer {
    const size = stagingSize(bytes);
    return this.#spare.get(size)?.pop() ?? this.make(size, MAP_READ | COPY_DST);
  }

  /** Take back a staging buffer that is not mapped. */
  giveBack(buffer: GPUBuffer): void {
    const spare = this.#spare.get(buffer.size) ?? [];
    if (buffer.size > KEPT_BYTES || spare.length >= KEPT) {
      this.free(buffer);
      return;
    }
    spare.push(buffer);
    this.#spare.set(buffer.size, spare);
  }
}

/** Few sizes, so that buffers fit again: powers of two, beyond what is kept multiples of 8, as mapping wants. */
function stagingSize(bytes: number): number {
  if (bytes > KEPT_BYTES) return Math.ceil(bytes / 8) * 8;
  return Math.max(2 ** Math.ceil(Math.log2(bytes)), LEAST_BYTES);
}
