import { COPY_DST, MAP_READ } from "./flags.ts";

/** Staging buffers up to this size are kept for reuse, larger ones freed. */
const MOST_SPARE_BYTES = 1 << 20;
/** Staging buffers kept per size. */
const MOST_SPARE = 8;
const LEAST_BYTES = 256;

/** Makes and frees a device's buffers, and counts the live ones. */
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

  /** A staging buffer of at least `bytes` bytes: a copy destination that can be mapped. */
  staging(bytes: number): GPUBuffer {
    const size = stagingSize(bytes);
    return this.#spare.get(size)?.pop() ?? this.make(size, MAP_READ | COPY_DST);
  }

  /** Return a staging buffer, unmapped, for reuse. */
  giveBack(buffer: GPUBuffer): void {
    const spare = this.#spare.get(buffer.size) ?? [];
    if (buffer.size > MOST_SPARE_BYTES || spare.length >= MOST_SPARE) {
      this.free(buffer);
      return;
    }
    spare.push(buffer);
    this.#spare.set(buffer.size, spare);
  }
}

/** Size of a staging buffer: a power of two for reuse, or beyond the spare sizes a multiple of 8, as mapping needs. */
function stagingSize(bytes: number): number {
  if (bytes > MOST_SPARE_BYTES) return Math.ceil(bytes / 8) * 8;
  return Math.max(2 ** Math.ceil(Math.log2(bytes)), LEAST_BYTES);
}
