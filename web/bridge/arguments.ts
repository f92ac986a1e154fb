import type { LongCallOptions } from "../generated/loom.d.ts";
import { Encoder } from "./encoding.ts";
import { bridgeError, LoomError } from "./errors.ts";
import { RemoteObject } from "./objects.ts";
import type { MethodEntry, WireObject, WireValue } from "./protocol.ts";

/** Encoded arguments of a call, and the options that the bridge handles itself. */
export interface CallArguments {
  readonly args: WireValue[];
  readonly options: WireObject;
  readonly own: LongCallOptions;
  readonly transfer: ArrayBuffer[];
}

/** Split arguments as the types declare them: positional ones, then at most one object of options. */
export function splitArguments(name: string, entry: MethodEntry, given: readonly unknown[]): CallArguments {
  const count = entry.positional.length;
  const last = given[count];
  if (given.length > count + 1 || (last !== undefined && !isPlainObject(last))) {
    const expected = `${entry.positional.join(", ") || "no arguments"}, and then at most one object of options`;
    throw new LoomError(bridgeError("config", `${name}: expected ${expected}, got ${given.length} arguments`));
  }
  const { signal, onEvent, control, ...named } = (last ?? {}) as Record<string, unknown>;
  const own = { signal, onEvent, control } as CallArguments["own"];
  const encoder = new Encoder((value) => value instanceof RemoteObject);
  const positional = given.slice(0, count);
  const gap = positional.indexOf(undefined);
  // Arguments after an omitted one are passed by name.
  const byName = gap < 0 ? [] : entry.positional.slice(gap).map((key, at) => [key, positional[gap + at]]);
  const args = (gap < 0 ? positional : positional.slice(0, gap)).map((value) => encoder.encode(value));
  const options = encoder.encode({ ...named, ...Object.fromEntries(byName) }) as WireObject;
  return { args, options, own, transfer: encoder.transfer };
}

function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
