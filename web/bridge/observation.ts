import type { ObservationMessage, Observation as ObservationType } from "../generated/loom.d.ts";
import type { LoomError } from "./errors.ts";
import type { WireObject } from "./protocol.ts";
import { BoundedQueue } from "./queue.ts";
import type { Rpc } from "./rpc.ts";

/** Messages held for a slow reader: at 20 a second, more than ten seconds. */
const CAPACITY = 256;

/** The page's end of a stream of observation messages. */
export class Observation implements ObservationType {
  readonly #queue = new BoundedQueue<ObservationMessage>(CAPACITY, mayDrop);
  readonly #rpc: Rpc;
  readonly #id: number;
  /** Kept from being collected: the stream would end with its network. */
  readonly owner: unknown;
  readonly #ended: Promise<void>;
  #end: () => void = () => {};

  constructor(rpc: Rpc, owner: unknown, target: number, method: string, options: WireObject) {
    this.#rpc = rpc;
    this.owner = owner;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const onPush = (messages: readonly WireObject[], last: boolean) => this.#receive(messages, last);
    const call = { target, method, args: [], options };
    const { id, value } = rpc.call(call, { stream: true, onPush });
    this.#id = id;
    value.catch((error: LoomError) => this.#finish(error));
    const forget = rpc.onFailure((error) => this.#finish(error));
    this.#ended.then(forget);
  }

  get dropped(): number {
    return this.#queue.dropped;
  }

  next(): Promise<IteratorResult<ObservationMessage, undefined>> {
    return this.#queue.next();
  }

  /** Called by `break` in a `for await`. */
  async return(): Promise<IteratorResult<ObservationMessage, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  async close(): Promise<void> {
    this.#queue.clear();
    this.#queue.close();
    this.#rpc.abort(this.#id);
    await this.#ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #receive(messages: readonly WireObject[], last: boolean): void {
    for (const message of messages) this.#queue.push(message as unknown as ObservationMessage);
    if (last) this.#finish();
  }

  #finish(error?: LoomError): void {
    this.#queue.close(error);
    this.#end();
  }
}

/** Rows may be dropped, since newer ones follow; blueprints, which explain them, and anomalies may not. */
function mayDrop(message: ObservationMessage): boolean {
  return message.kind === "stats" || message.kind === "training";
}
