import { decode } from "./encoding.ts";
import { LoomError } from "./errors.ts";
import type { HandleRef, MethodEntry, MethodTable, Surface, WireValue } from "./protocol.ts";

/** Calls of objects to their originals in Python: the async API returns promises, the sync API results. */
export interface Calls {
  /** Call a method of an object, or of the library. */
  invoke(owner: unknown, name: string, entry: MethodEntry, given: readonly unknown[]): unknown;
  dispose(target: number): unknown;
  /** Report that the page's object was collected, after it had been received `received` times. */
  release(target: number, received: number): void;
}

/** An object of Python. Methods are on the prototype of its class, made from the surface. */
export abstract class RemoteObject {
  readonly reference: HandleRef;
  readonly objects: Objects;

  constructor(objects: Objects, reference: HandleRef) {
    this.objects = objects;
    this.reference = reference;
  }

  dispose(): unknown {
    return this.objects.dispose(this.reference.$handle);
  }
}

export type RemoteClass = new (objects: Objects, reference: HandleRef) => RemoteObject;

interface Known {
  readonly object: WeakRef<RemoteObject>;
  received: number;
}

/** Objects of Python in JavaScript: one per original, which is freed when the object is collected here. */
export class Objects {
  readonly #calls: Calls;
  readonly #base: RemoteClass;
  readonly #classes = new Map<string, RemoteClass>();
  readonly #known = new Map<number, Known>();
  readonly #collected = new FinalizationRegistry<number>((number) => this.#release(number));

  /** Make the classes of a surface from a base class; with `hasFields`, properties are fields, else methods. */
  constructor(calls: Calls, surface: Surface, base: RemoteClass, hasFields: boolean) {
    this.#calls = calls;
    this.#base = base;
    for (const [name, table] of Object.entries(surface.classes)) {
      const made = class extends base {};
      Object.defineProperty(made, "name", { value: name });
      addMethods(made.prototype, table, calls, hasFields);
      this.#classes.set(name, made);
    }
  }

  dispose(number: number): unknown {
    this.#known.delete(number);
    return this.#calls.dispose(number);
  }

  /** A reference to an object of this library; undefined for other values. */
  referenceOf(value: unknown): HandleRef | undefined {
    if (!(value instanceof RemoteObject)) return undefined;
    if (value.objects === this) return { ...value.reference };
    const got = `a ${value.reference.class} of another one`;
    const todo = "use the library that made it, or save it there and load it here";
    const message = `expected an object of this library, got ${got}; do: ${todo}`;
    throw new LoomError({ name: "StateError", code: "state", message });
  }

  /** The number of a method's owner; 0 for the library. */
  targetOf(owner: unknown): number {
    return this.referenceOf(owner)?.$handle ?? 0;
  }

  /** Decode a result; its references become objects. */
  decode(value: WireValue): unknown {
    return decode(value, (reference) => this.#revive(reference));
  }

  /** The object of a reference; a new one if the earlier one was collected. */
  #revive(reference: HandleRef): RemoteObject {
    const known = this.#known.get(reference.$handle);
    const existing = known?.object.deref();
    if (known) known.received += 1;
    if (existing) return existing;
    const made = new (this.#classes.get(reference.class) ?? this.#base)(this, reference);
    this.#known.set(reference.$handle, { object: new WeakRef(made), received: known?.received ?? 1 });
    this.#collected.register(made, reference.$handle);
    return made;
  }

  #release(number: number): void {
    const known = this.#known.get(number);
    if (!known || known.object.deref()) return;
    this.#known.delete(number);
    this.#calls.release(number, known.received);
  }
}

/** Add a method per entry to an object or a class's prototype. */
export function addMethods(owner: object, table: MethodTable, calls: Calls, hasFields: boolean): void {
  for (const [name, entry] of Object.entries(table)) {
    const method = function (this: unknown, ...given: unknown[]) {
      return calls.invoke(this, name, entry, given);
    };
    const isField = hasFields && entry.kind === "property";
    Object.defineProperty(owner, name, { configurable: true, ...(isField ? { get: method } : { value: method }) });
  }
}
