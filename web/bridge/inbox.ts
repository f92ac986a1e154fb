import { bridgeError, textOf } from "./errors.ts";
import type { CallMessage, PageMessage, WireError, WireValue } from "./protocol.ts";

/** Where the messages of an inbox go. */
export interface Outlets {
  deliver(message: PageMessage): void;
  /** Answer a call with an error. */
  refuse(call: number, error: WireError): void;
  /** Read a blob at once, so that calls keep their order. */
  read(blob: Blob): ArrayBuffer;
}

/** Receives the page's messages in a worker: an unreadable one is an error of the call that it carried. */
export class Inbox {
  readonly #outlets: Outlets;
  #lastCall = 0;

  constructor(outlets: Outlets) {
    this.#outlets = outlets;
  }

  /** Take the data of a message; null if it could not be read. */
  receive(data: PageMessage | null): void {
    if (data === null) this.lost();
    else if (data.kind === "call") this.#call(data);
    else this.#outlets.deliver(data);
  }

  /**
   * A message could not be read, for lack of memory.
   *
   * Only calls are large enough for that, and the page numbers them in sequence, so it was the next one.
   */
  lost(): void {
    this.#lastCall += 1;
    const message = "the worker has not enough memory to read the arguments; do: give less at once";
    this.#outlets.refuse(this.#lastCall, bridgeError("out_of_memory", message));
  }

  #call(call: CallMessage): void {
    this.#lastCall = call.id;
    const options = Object.entries(call.options);
    let read: CallMessage;
    try {
      const args = call.args.map((value) => this.#bytesOf(value));
      read = { ...call, args, options: Object.fromEntries(options.map(([key, item]) => [key, this.#bytesOf(item)])) };
    } catch (error) {
      this.#outlets.refuse(call.id, bridgeError("data", `${call.method}: can't read the file: ${textOf(error)}`));
      return;
    }
    this.#outlets.deliver(read);
  }

  #bytesOf(value: WireValue): WireValue {
    return value instanceof Blob ? { $bytes: new Uint8Array(this.#outlets.read(value)) } : value;
  }
}
