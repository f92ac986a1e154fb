import type { TrainingEvent } from "../generated/loom.d.ts";
import { type CallArguments, splitArguments } from "./arguments.ts";
import type { Crossing } from "./encoding.ts";
import { LoomError } from "./errors.ts";
import { type Calls, Objects, RemoteObject } from "./objects.ts";
import { Observation } from "./observation.ts";
import type { MethodEntry, Surface, WireObject, WireValue } from "./protocol.ts";
import type { Rpc } from "./rpc.ts";

class AsyncObject extends RemoteObject {
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

/** Calls over messages: every method returns a promise, streams are async iterators. */
export class AsyncCalls implements Calls {
  readonly #rpc: Rpc;
  readonly #objects: Objects;
  readonly #crossing: Crossing = { referenceOf: (value) => this.#objects.referenceOf(value), sameThread: false };

  constructor(rpc: Rpc, surface: Surface) {
    this.#rpc = rpc;
    this.#objects = new Objects(this, surface, AsyncObject, false);
  }

  invoke(owner: unknown, name: string, entry: MethodEntry, given: readonly unknown[]): unknown {
    try {
      const target = this.#objects.targetOf(owner);
      const split = splitArguments(name, entry, given, this.#crossing);
      if (entry.kind === "stream") return new Observation(this.#rpc, owner, target, entry.method, split.options);
      if (entry.kind === "long") return this.#invokeLong(owner, target, entry, split);
      const { args, options, transfer } = split;
      const call = { target, method: entry.method, args, options };
      return this.#result(this.#rpc.call(call, { transfer, owner }).value);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async dispose(target: number): Promise<void> {
    await this.#rpc.call({ target, method: "$dispose", args: [], options: {} }).value;
  }

  release(target: number, received: number): void {
    const { value } = this.#rpc.call({ target, method: "$release", args: [received], options: {} });
    value.catch(() => {}); // the worker has ended, and the object with it
  }

  async #invokeLong(owner: unknown, target: number, entry: MethodEntry, split: CallArguments): Promise<unknown> {
    const { args, options, transfer } = split;
    const { signal, onEvent, control } = split.own;
    if (signal?.aborted) {
      const message = `${entry.method}: cancelled before it started`;
      throw new LoomError({ name: "CancelledError", code: "cancelled", message });
    }
    let id = 0;
    const steps = control?.connect((action, count) => this.#rpc.control(id, action, count));
    const onPush = onEvent && ((messages: readonly WireObject[]) => emitAll(onEvent, messages));
    const call = { target, method: entry.method, args, options, events: onEvent !== undefined };
    const started = this.#rpc.call(steps === undefined ? call : { ...call, steps }, { onPush, transfer, owner });
    id = started.id;
    const abort = () => this.#rpc.abort(id);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await this.#result(started.value);
    } finally {
      signal?.removeEventListener("abort", abort);
      control?.disconnect();
    }
  }

  async #result(value: Promise<WireValue>): Promise<unknown> {
    return this.#objects.decode(await value);
  }
}

/** Pass all events to the listener; its exceptions are reported as uncaught errors and do not stop later events. */
function emitAll(listener: (event: TrainingEvent) => void, events: readonly WireObject[]): void {
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
