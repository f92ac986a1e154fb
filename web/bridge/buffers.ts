import type { WireBytes, WireTypedArray } from "./protocol.ts";
import { tagOf, Unfit } from "./unfit.ts";

/** Bytes of arrays and texts in one call: Python's memory has at most 4 GiB, and holds the data twice for a moment. */
const MAX_BYTES = 2 ** 31;

const moved = new WeakSet<ArrayBufferLike>();

/**
 * Mark an array to be moved to the worker instead of copied by the next call that it is passed to; it is empty
 * afterwards.
 *
 * Worth it for megabytes. Returns the array, for use in the call itself.
 */
export function transfer<T extends ArrayBufferView | ArrayBuffer>(array: T): T {
  moved.add(ArrayBuffer.isView(array) ? array.buffer : array);
  return array;
}

type TypedArrayClass = new (buffer: ArrayBufferLike, start: number, length: number) => WireTypedArray;

const TYPED_ARRAYS: Readonly<Record<string, TypedArrayClass>> = {
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
};

/** Whether a value is a typed array, a DataView, an ArrayBuffer or a SharedArrayBuffer. */
export function isBuffer(value: object): value is ArrayBufferView | ArrayBufferLike {
  return ArrayBuffer.isView(value) || tagOf(value) === "ArrayBuffer" || tagOf(value) === "SharedArrayBuffer";
}

/** Encodes the buffers of one call, and collects those that are moved. */
export class Buffers {
  readonly transfer: ArrayBuffer[] = [];
  #bytes = 0;

  /** A typed array as numbers; a DataView or a whole buffer, whose elements have no type, as bytes. */
  encode(value: ArrayBufferView | ArrayBufferLike): WireTypedArray | WireBytes {
    if (!ArrayBuffer.isView(value)) return this.#raw(value, 0, value.byteLength);
    const name = elementsOf(value);
    if (name === undefined) {
      const [start, length] = viewOf(() => [value.byteOffset, value.byteLength] as const);
      return this.#raw(value.buffer, start, length);
    }
    if (name === "Float16Array") return this.#half(value as unknown as Iterable<number>);
    const { buffer, byteOffset, length } = value as WireTypedArray;
    return this.#part(TYPED_ARRAYS[name] ?? refuse(name), buffer, byteOffset, length);
  }

  /** Count bytes of the call; throws beyond the limit. */
  count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= MAX_BYTES) return;
    throw new Unfit(`at most ${MAX_BYTES} bytes of arrays and texts in a call`, `${this.#bytes}`, "give it in parts");
  }

  /** Half floats as float32, since Pyodide reads no others. */
  #half(values: Iterable<number>): Float32Array {
    const copy = viewOf(() => Float32Array.from(values));
    this.count(copy.byteLength);
    return this.#own(copy);
  }

  #raw(buffer: ArrayBufferLike, start: number, length: number): WireBytes {
    return { $bytes: this.#part(Uint8Array, buffer, start, length) };
  }

  /** A part of a buffer. Unless it is the whole it is copied, since a message would carry the whole. */
  #part<T extends WireTypedArray>(
    type: new (buffer: ArrayBufferLike, start: number, length: number) => T,
    buffer: ArrayBufferLike,
    start: number,
    length: number,
  ): T {
    const view = viewOf(() => new type(buffer, start, length));
    this.count(view.byteLength);
    const unshared = tagOf(buffer) === "ArrayBuffer";
    if (unshared && moved.delete(buffer)) {
      this.transfer.push(buffer as ArrayBuffer);
      return view;
    }
    return unshared && view.byteLength === buffer.byteLength ? view : this.#own(view.slice() as T);
  }

  /** A copy made here is moved, since nothing else needs it. */
  #own<T extends WireTypedArray>(copy: T): T {
    this.transfer.push(copy.buffer as ArrayBuffer);
    return copy;
  }
}

/** Name of a typed array's type, whatever its class or window; undefined for a DataView. */
function elementsOf(view: ArrayBufferView): string | undefined {
  return Reflect.get(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag, view) as string | undefined;
}

function viewOf<T>(make: () => T): T {
  try {
    return make();
  } catch {
    throw new Unfit("an array with its memory", "one whose memory was moved away", "give a copy made before that");
  }
}

function refuse(name: string): never {
  throw new Unfit(`one of ${Object.keys(TYPED_ARRAYS).join(", ")}, Float16Array`, `a ${name}`);
}
