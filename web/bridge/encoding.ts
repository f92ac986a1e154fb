import type { HandleRef, WireValue } from "./protocol.ts";

const moved = new WeakSet<ArrayBuffer>();

/**
 * Mark an array to be moved to the worker instead of copied by the next call that it is passed to; it is empty
 * afterwards.
 *
 * Worth it for megabytes. Returns the array, for use in the call itself.
 */
export function transfer<T extends ArrayBufferView | ArrayBuffer>(array: T): T {
  const buffer = ArrayBuffer.isView(array) ? array.buffer : array;
  if (buffer instanceof ArrayBuffer) moved.add(buffer);
  return array;
}

/** An object that represents one in the worker, and is sent as a reference to it. */
export interface Referable {
  readonly reference: HandleRef;
}

/** Encodes arguments for sending, and collects the buffers in them that are moved. */
export class Encoder {
  readonly transfer: ArrayBuffer[] = [];
  readonly #isReferable: (value: object) => value is Referable;

  constructor(isReferable: (value: object) => value is Referable) {
    this.#isReferable = isReferable;
  }

  encode(value: unknown): WireValue {
    if (typeof value !== "object" || value === null) return value as WireValue;
    if (this.#isReferable(value)) return value.reference;
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return this.#buffer(value);
    if (Array.isArray(value)) {
      // Rows of numbers need no encoding.
      return value.every((item) => typeof item === "number") ? value : value.map((item) => this.encode(item));
    }
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => [key, this.encode(item)]),
    );
  }

  #buffer(value: ArrayBufferView | ArrayBuffer): WireValue {
    const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
    if (buffer instanceof ArrayBuffer && moved.delete(buffer)) this.transfer.push(buffer);
    return value as WireValue;
  }
}

/** Decode a result: references become objects. */
export function decode(value: WireValue, revive: (reference: HandleRef) => unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value;
  if (Array.isArray(value)) {
    return value.length > 0 && typeof value[0] === "number" ? value : value.map((item) => decode(item, revive));
  }
  if (isReference(value)) return revive(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item, revive)]));
}

function isReference(value: object): value is HandleRef {
  return "$handle" in value;
}
