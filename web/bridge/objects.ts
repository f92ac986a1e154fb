import { decode } from "./encoding.ts";
import type { HandleRef, MethodEntry, MethodTable, Surface, WireValue } from "./protocol.ts";

/** How objects reach their originals; the async face answers with promises, the direct one at once. */
export interface Calls {
  /** Call a method of an object, or of the library. */
  invoke(owner: unknown, name: string, entry: MethodEntry, given: readonly unknown[]): unknown;
  dispose(target: number): unknown;
  /** The page's object was collected, after it had been received so many times. */
  release(target: number, received: number): void;
}

/** An object that lives in Python. Its class's methods stand on the prototype, made from the surface. */
export abstract class RemoteObject {
  readonly reference: HandleRef;
  protected readonly objects: Objects;

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

/** The objects of Python that JavaScript knows: one each, freed there when it is collected here. */
export class Objects {
  readonly #calls: Calls;
  readonly #base: RemoteClass;
  readonly #classes = new Map<string, RemoteClass>();
  readonly #known = new Map<number, Known>();
  readonly #collected = new FinalizationRegistry<number>((number) => this.#release(number));

  /** Make the classes of a surface from a base class; `hasFields`: properties are read, not asked for by a call. */
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

  /** A result with its references made objects. */
  decode(value: WireValue): unknown {
    return decode(value, (reference) => this.#revive(reference));
  }

  /** The one object of a reference; made anew when an earlier one was collected. */
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

/** The number of an object; 0 for the library. */
export function targetOf(owner: unknown): number {
  return owner instanceof RemoteObject ? owner.reference.$handle : 0;
}

/** Give an object, or a class's prototype, a method for every entry. */
export function addMethods(owner: object, table: MethodTable, calls: Calls, hasFields: boolean): void {
  for (const [name, entry] of Object.entries(table)) {
    const method = function (this: unknown, ...given: unknown[]) {
      return calls.invoke(this, name, entry, given);
    };
    const isField = hasFields && entry.kind === "property";
    Object.defineProperty(owner, name, { configurable: true, ...(isField ? { get: method } : { value: method }) });
  }
}
