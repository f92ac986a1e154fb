import type { HandleRef, WireValue } from "./protocol.ts";

const moved = new WeakSet<ArrayBuffer>();

/**
 * Mark an array to be moved to the worker instead of copied when it is next given to a call; it is empty here then.
 *
 * Worth it for megabytes; the array is given back for use in the call itself.
 */
export function transfer<T extends ArrayBufferView | ArrayBuffer>(array: T): T {
  const buffer = ArrayBuffer.isView(array) ? array.buffer : array;
  if (buffer instanceof ArrayBuffer) moved.add(buffer);
  return array;
}

/** What an object that stands for one in the worker is sent as. */
export interface Referable {
  readonly reference: HandleRef;
}

/** Arguments as they are sent, and the buffers in them that are moved. */
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
      // Rows of numbers have nothing in them to encode.
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

/** A result as the page has it: references become objects. */
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
