import { Buffers, isBuffer } from "./buffers.ts";
import { LoomError } from "./errors.ts";
import type { HandleRef, WireValue } from "./protocol.ts";
import { isRecord, notPlain, Unfit } from "./unfit.ts";

/** Levels of nesting in an argument; Python's stack has room for several times that. */
const MAX_DEPTH = 100;
/** Items of all arrays and objects in a call; each takes about 20 bytes of Python's memory. */
const MAX_ITEMS = 2 ** 26;
/** Keys that only the bridge writes. */
const RESERVED = ["$handle", "$bytes"];

/** How values cross that are no plain data. */
export interface Crossing {
  /** Reference to an object of Python; undefined for other values. */
  referenceOf(value: object): HandleRef | undefined;
  /** Whether Python is in the same thread: functions cross there, in place of blobs. */
  readonly sameThread: boolean;
}

/**
 * Encodes the arguments of one call, and collects the buffers in them that are moved.
 *
 * Every array and object is copied: one that is used twice in a call must not reach Pyodide as one, since its `to_py()`
 * frees it too early then (0.27 to 0.29).
 */
export class Encoder {
  readonly #method: string;
  readonly #crossing: Crossing;
  readonly #buffers = new Buffers();
  readonly #path: (string | number)[] = [];
  readonly #parents: object[] = [];
  #items = 0;

  constructor(method: string, crossing: Crossing) {
    this.#method = method;
    this.#crossing = crossing;
  }

  /** The buffers to move. */
  get transfer(): ArrayBuffer[] {
    return this.#buffers.transfer;
  }

  /**
   * Encode one argument.
   *
   * @throws LoomError "data": it is no plain data, too large or too deep, or contains itself.
   */
  encode(value: unknown, name: string): WireValue {
    try {
      return this.#item(value, name);
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      throw new LoomError({
        name: "DataError",
        code: "data",
        message: `${this.#method}: ${this.#place()}: ${error.message}`,
      });
    }
  }

  /** Where the value is that was encoded last: "config.layers[0].units". */
  #place(): string {
    const keys = this.#path.map((key, at) => (typeof key === "number" ? `[${key}]` : `${at > 0 ? "." : ""}${key}`));
    return (keys.length > 12 ? [...keys.slice(0, 6), "…", ...keys.slice(-4)] : keys).join("");
  }

  #item(value: unknown, key: string | number): WireValue {
    this.#path.push(key);
    const encoded = this.#value(value);
    this.#path.pop();
    return encoded;
  }

  #value(value: unknown): WireValue {
    switch (typeof value) {
      case "number":
      case "boolean":
        return value;
      case "string":
        this.#buffers.count(value.length);
        return value;
      case "bigint":
        return bounded(value);
      case "function":
        if (this.#crossing.sameThread) return (...given: unknown[]) => void value(...given);
        break;
      case "object":
        return value === null ? null : this.#object(value);
    }
    throw notPlain(value);
  }

  #object(value: object): WireValue {
    if (Array.isArray(value)) return this.#list(value);
    if (isBuffer(value)) return this.#buffers.encode(value);
    const reference = this.#crossing.referenceOf(value);
    if (reference) return reference;
    if (isRecord(value)) return this.#record(value);
    if (this.#takesBlob(value)) return value;
    throw notPlain(value);
  }

  #list(list: readonly unknown[]): WireValue {
    this.#enter(list, list.length);
    const copy = isNumbers(list) ? list.slice() : Array.from(list, (item, at) => this.#item(item, at));
    this.#parents.pop();
    return copy;
  }

  #record(record: Readonly<Record<string, unknown>>): WireValue {
    const entries = Object.entries(record).filter(([, item]) => item !== undefined);
    const reserved = RESERVED.find((key) => key in record);
    if (reserved) throw new Unfit("keys of your own", reserved, "give the object itself, not its data");
    this.#enter(record, entries.length);
    const copy = Object.fromEntries(entries.map(([key, item]) => [key, this.#item(item, key)]));
    this.#parents.pop();
    return copy;
  }

  #enter(value: object, items: number): void {
    this.#items += items;
    if (this.#items > MAX_ITEMS)
      throw new Unfit(`at most ${MAX_ITEMS} items in a call`, `${this.#items}`, "give numbers as typed arrays");
    if (this.#parents.includes(value)) throw new Unfit("data that ends", "a value that contains itself");
    if (this.#parents.length === MAX_DEPTH) throw new Unfit(`at most ${MAX_DEPTH} levels of nesting`, "more");
    this.#parents.push(value);
  }

  /** Blobs are read in the worker; only whole arguments are, since the worker looks for no others. */
  #takesBlob(value: object): value is Blob {
    const blob = typeof Blob !== "undefined" && value instanceof Blob;
    if (!blob || this.#crossing.sameThread || this.#path.length > 1) return false;
    this.#buffers.count(value.size);
    return true;
  }
}

function isNumbers(list: readonly unknown[]): list is readonly number[] {
  for (let i = 0; i < list.length; i++) if (typeof list[i] !== "number") return false; // also at a hole
  return true;
}

function bounded(value: bigint): bigint {
  if (value >= -(2n ** 63n) && value < 2n ** 64n) return value;
  throw new Unfit("an integer of at most 64 bits", "a larger one");
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
