import type { LongCallOptions, TrainingEvent } from "../generated/loom.d.ts";
import type { RunControl } from "./control.ts";
import { decode, Encoder } from "./encoding.ts";
import { bridgeError, LoomError } from "./errors.ts";
import { Observation } from "./observation.ts";
import type { HandleRef, MethodEntry, MethodTable, Surface, WireObject, WireValue } from "./protocol.ts";
import type { Rpc } from "./rpc.ts";

/** An object that lives in the worker. Its class's methods stand on the prototype, made from the surface. */
export class RemoteObject {
  readonly reference: HandleRef;
  readonly #objects: Objects;

  constructor(objects: Objects, reference: HandleRef) {
    this.#objects = objects;
    this.reference = reference;
  }

  dispose(): Promise<void> {
    return this.#objects.dispose(this.reference.$handle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

type RemoteClass = new (objects: Objects, reference: HandleRef) => RemoteObject;

interface Split {
  readonly args: WireValue[];
  readonly options: WireObject;
  readonly own: LongCallOptions & { readonly control?: RunControl };
  readonly transfer: ArrayBuffer[];
}

/** The page's view of the objects in the worker: makes them callable, and tells the worker when they are gone. */
export class Objects {
  readonly #rpc: Rpc;
  readonly #classes = new Map<string, RemoteClass>();
  readonly #known = new Map<number, { object: WeakRef<RemoteObject>; received: number }>();
  readonly #collected = new FinalizationRegistry<number>((number) => this.#release(number));

  constructor(rpc: Rpc, surface: Surface) {
    this.#rpc = rpc;
    for (const [name, table] of Object.entries(surface.classes)) this.#classes.set(name, this.#makeClass(name, table));
  }

  /** Give `owner` a method for every entry. */
  addMethods(owner: object, table: MethodTable, targetOf: (self: object) => number): void {
    const objects = this;
    for (const [name, entry] of Object.entries(table)) {
      const value = function (this: object, ...args: unknown[]) {
        return objects.invoke(targetOf(this), name, entry, args);
      };
      Object.defineProperty(owner, name, { value, configurable: true, writable: true });
    }
  }

  /** Call a method: a promise of its result, or for streams the stream itself. */
  invoke(target: number, name: string, entry: MethodEntry, given: readonly unknown[]): unknown {
    try {
      const split = splitArguments(name, entry, given);
      if (entry.kind === "stream") return new Observation(this.#rpc, target, entry.method, split.options);
      if (entry.kind === "long") return this.#invokeLong(target, entry, split);
      const { args, options, transfer } = split;
      return this.#result(this.#rpc.call({ target, method: entry.method, args, options }, { transfer }).value);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async dispose(number: number): Promise<void> {
    this.#known.delete(number);
    await this.#rpc.call({ target: number, method: "$dispose", args: [], options: {} }).value;
  }

  async #invokeLong(target: number, entry: MethodEntry, { args, options, own, transfer }: Split): Promise<unknown> {
    const { signal, onEvent, control } = own;
    if (signal?.aborted) {
      const message = `${entry.method}: cancelled before it began`;
      throw new LoomError({ name: "CancelledError", code: "cancelled", message });
    }
    let id = 0;
    const steps = control?.connect((action, count) => this.#rpc.steer(id, action, count));
    const onPush = onEvent && ((messages: readonly WireObject[]) => tellAll(onEvent, messages));
    const call = { target, method: entry.method, args, options, events: onEvent !== undefined };
    const begun = this.#rpc.call(steps === undefined ? call : { ...call, steps }, { onPush, transfer });
    id = begun.id;
    const abort = () => this.#rpc.abort(id);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await this.#result(begun.value);
    } finally {
      signal?.removeEventListener("abort", abort);
      control?.disconnect();
    }
  }

  async #result(value: Promise<WireValue>): Promise<unknown> {
    return decode(await value, (reference) => this.#revive(reference));
  }

  /** The one object of a reference; made anew when the page has let go of an earlier one. */
  #revive(reference: HandleRef): RemoteObject {
    const known = this.#known.get(reference.$handle);
    const existing = known?.object.deref();
    if (known) known.received += 1;
    if (existing) return existing;
    const made = new (this.#classes.get(reference.class) ?? RemoteObject)(this, reference);
    this.#known.set(reference.$handle, { object: new WeakRef(made), received: known?.received ?? 1 });
    this.#collected.register(made, reference.$handle);
    return made;
  }

  /** The page's object was collected. The worker compares counts, since the same object may be on its way here. */
  #release(number: number): void {
    const known = this.#known.get(number);
    if (!known || known.object.deref()) return;
    this.#known.delete(number);
    const { value } = this.#rpc.call({ target: number, method: "$release", args: [known.received], options: {} });
    value.catch(() => {}); // the worker is gone, and the object with it
  }

  #makeClass(name: string, table: MethodTable): RemoteClass {
    const made = class extends RemoteObject {};
    Object.defineProperty(made, "name", { value: name });
    this.addMethods(made.prototype, table, (self) => (self as RemoteObject).reference.$handle);
    return made;
  }
}

/** Take arguments apart as the types have them: positions first, then one object of options. */
export function splitArguments(name: string, entry: MethodEntry, given: readonly unknown[]): Split {
  const count = entry.positional.length;
  const last = given[count];
  if (given.length > count + 1 || (last !== undefined && !isPlainObject(last))) {
    const expected = `${entry.positional.join(", ") || "no arguments"}, and then at most one object of options`;
    throw new LoomError(bridgeError("config", `${name}: expected ${expected}, got ${given.length} arguments`));
  }
  const { signal, onEvent, control, ...named } = (last ?? {}) as Record<string, unknown>;
  const own = { signal, onEvent, control } as Split["own"];
  const encoder = new Encoder((value) => value instanceof RemoteObject);
  const positional = given.slice(0, count);
  const gap = positional.indexOf(undefined);
  // After an argument that was left out, the rest goes by name.
  const byName = gap < 0 ? [] : entry.positional.slice(gap).map((key, at) => [key, positional[gap + at]]);
  const args = (gap < 0 ? positional : positional.slice(0, gap)).map((value) => encoder.encode(value));
  const options = encoder.encode({ ...named, ...Object.fromEntries(byName) }) as WireObject;
  return { args, options, own, transfer: encoder.transfer };
}

function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** Tell every event; a listener that throws is reported as any uncaught error is, and hears the next event too. */
function tellAll(listener: (event: TrainingEvent) => void, events: readonly WireObject[]): void {
  for (const event of events) {
    try {
      listener(event as unknown as TrainingEvent);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
