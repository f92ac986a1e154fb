import type { LongCallOptions } from "../generated/loom.d.ts";
import { type Crossing, Encoder } from "./encoding.ts";
import { bridgeError, LoomError } from "./errors.ts";
import type { MethodEntry, WireObject, WireValue } from "./protocol.ts";
import { isRecord, nameOf } from "./unfit.ts";

/** Encoded arguments of a call, and the options that the bridge handles itself. */
export interface CallArguments {
  readonly args: WireValue[];
  readonly options: WireObject;
  readonly own: LongCallOptions;
  readonly transfer: ArrayBuffer[];
}

/** Split arguments as the types declare them: positional ones, then at most one object of options. */
export function splitArguments(
  name: string,
  entry: MethodEntry,
  given: readonly unknown[],
  crossing: Crossing,
): CallArguments {
  const { positional } = entry;
  const last = given[positional.length];
  if (given.length > positional.length + 1 || (last !== undefined && !isRecord(last))) {
    const expected = `${positional.join(", ") || "no arguments"}, and then at most one object of options`;
    const got = `${given.length} arguments, the last ${nameOf(given.at(-1))}`;
    throw new LoomError(bridgeError("config", `${name}: expected ${expected}, got ${got}`));
  }
  const { own, named } = entry.kind === "long" ? ownOptions(name, last ?? {}) : { own: {}, named: last ?? {} };
  const encoder = new Encoder(name, crossing);
  const first = given.slice(0, positional.length);
  const gap = first.indexOf(undefined);
  const end = gap < 0 ? first.length : gap;
  // Arguments after an omitted one are passed by name.
  const byName = first.slice(end).map((value, at) => [positional[end + at] ?? "", value] as const);
  const args = first.slice(0, end).map((value, at) => encoder.encode(value, positional[at] ?? ""));
  const options = [...Object.entries(named), ...byName].filter(([, value]) => value !== undefined);
  const encoded = Object.fromEntries(options.map(([key, value]) => [key, encoder.encode(value, key)]));
  return { args, options: encoded, own, transfer: encoder.transfer };
}

/** The options of a long call that the bridge handles, and the others. */
function ownOptions(name: string, options: Readonly<Record<string, unknown>>) {
  const { signal, onEvent, control, ...named } = options;
  for (const [key, value, method] of [
    ["signal", signal, "addEventListener"],
    ["onEvent", onEvent, "call"],
    ["control", control, "connect"],
  ] as const) {
    if (value === undefined || typeof Object(value)[method] === "function") continue;
    const expected = { signal: "an AbortSignal", onEvent: "a function", control: "a RunControl" }[key];
    throw new LoomError(bridgeError("config", `${name}: ${key}: expected ${expected}, got ${nameOf(value)}`));
  }
  return { own: { signal, onEvent, control } as CallArguments["own"], named };
}
