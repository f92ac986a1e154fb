import { bridgeError, LoomError, textOf } from "./errors.ts";
import type {
  CallMessage,
  ControlMessage,
  PageMessage,
  ProgressMessage,
  ResponseMessage,
  Surface,
  WireObject,
  WireValue,
  WorkerMessage,
} from "./protocol.ts";

/** Transport of messages: a Worker, or one end of a MessageChannel. */
export interface Endpoint {
  postMessage(message: PageMessage, transfer: Transferable[]): void;
  /** The data is null if it could not be read. */
  onmessage: ((event: MessageEvent<WorkerMessage | null>) => void) | null;
}

/** Receives the messages that a call pushes while it runs; `last` is true at the end of a stream. */
export type OnPush = (messages: readonly WireObject[], last: boolean) => void;

export interface CallSettings {
  readonly onPush?: OnPush | undefined;
  /** The call starts a stream, which continues after the answer until it is aborted. */
  readonly stream?: boolean;
  readonly transfer?: readonly Transferable[];
  /** Kept from being collected until the call is answered, else its original would be freed during the call. */
  readonly owner?: unknown;
}

interface Pending {
  readonly stream: boolean;
  readonly owner: unknown;
  resolve(value: WireValue): void;
  reject(error: LoomError): void;
}

/** Calls and answers over an endpoint; every call is settled, at the latest when the endpoint fails. */
export class Rpc {
  readonly #endpoint: Endpoint;
  readonly #pending = new Map<number, Pending>();
  readonly #pushes = new Map<number, OnPush>();
  readonly #failureListeners = new Set<(error: LoomError) => void>();
  #failure: LoomError | undefined;
  #nextId = 1;
  #surface = deferred<Surface>();

  constructor(endpoint: Endpoint, onProgress?: (message: ProgressMessage) => void) {
    this.#endpoint = endpoint;
    this.#surface.promise.catch(() => {}); // it may never be awaited
    endpoint.onmessage = ({ data }) => {
      if (data === null) this.lose();
      else this.#receive(data, onProgress);
    };
  }

  /** The callable names; resolves once the other side is ready. */
  get surface(): Promise<Surface> {
    return this.#surface.promise;
  }

  /** Number of calls and streams that are not settled. */
  get waiting(): number {
    return this.#pending.size + this.#pushes.size;
  }

  /** Send a message that has no answer. */
  post(message: PageMessage, transfer: readonly Transferable[] = []): void {
    if (!this.#failure) this.#endpoint.postMessage(message, [...transfer]);
  }

  /** Start a call; returns its id, for control and abort, and its answer. The id is 0 if it could not be sent. */
  call(call: Omit<CallMessage, "kind" | "id">, settings: CallSettings = {}): { id: number; value: Promise<WireValue> } {
    let id = this.#nextId;
    const value = new Promise<WireValue>((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      this.#pending.set(id, { stream: settings.stream ?? false, owner: settings.owner, resolve, reject });
      if (settings.onPush) this.#pushes.set(id, settings.onPush);
      try {
        this.#endpoint.postMessage({ kind: "call", id, ...call }, [...(settings.transfer ?? [])]);
        this.#nextId += 1; // without gaps: the worker counts calls
      } catch (error) {
        // An array that can't be moved, or more than the browser can copy.
        this.#forget(id);
        id = 0;
        reject(new LoomError(bridgeError("data", `${call.method}: an argument can't be sent: ${textOf(error)}`)));
      }
    });
    return { id, value };
  }

  abort(id: number): void {
    this.post({ kind: "abort", id });
  }

  control(id: number, action: ControlMessage["action"], steps?: number): void {
    this.post({ kind: "steer", id, action, ...(steps === undefined ? {} : { steps }) });
  }

  /** Add a listener for the failure of the endpoint; returns a function that removes it. */
  onFailure(listener: (error: LoomError) => void): () => void {
    if (this.#failure) listener(this.#failure);
    else this.#failureListeners.add(listener);
    return () => this.#failureListeners.delete(listener);
  }

  /** An answer could not be read: reject all calls that wait, and end those still at work. Later calls are answered again. */
  lose(): void {
    const error = new LoomError(
      bridgeError("worker", "An answer of the worker could not be read; do: ask for less at once."),
    );
    for (const [id, { reject }] of this.#pending) {
      this.abort(id);
      reject(error);
    }
    this.#pending.clear();
  }

  /** Fail: reject all pending calls, and all later ones. */
  fail(error: LoomError): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#surface.reject(error);
    for (const { reject } of this.#pending.values()) reject(error);
    for (const listener of this.#failureListeners) listener(error);
    this.#pending.clear();
    this.#pushes.clear();
    this.#failureListeners.clear();
  }

  #receive(message: WorkerMessage, onProgress?: (message: ProgressMessage) => void): void {
    switch (message.kind) {
      case "progress":
        onProgress?.(message);
        break;
      case "ready":
        this.#surface.resolve(message.surface);
        break;
      case "push":
        this.#pushes.get(message.id)?.(message.messages, message.last ?? false);
        if (message.last) this.#pushes.delete(message.id);
        break;
      case "response":
        this.#settle(message);
        break;
      case "crash":
        this.fail(new LoomError(message.error));
        break;
    }
  }

  #settle(message: ResponseMessage): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (!message.ok || !pending?.stream) this.#pushes.delete(message.id);
    if (message.ok) pending?.resolve(message.value);
    else pending?.reject(new LoomError(message.error));
  }

  #forget(id: number): void {
    this.#pending.delete(id);
    this.#pushes.delete(id);
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
