import type { direct } from "../generated/loom.d.ts";
import { splitArguments } from "./arguments.ts";
import type { Crossing } from "./encoding.ts";
import { bridgeError, LoomError } from "./errors.ts";
import { addMethods, type Calls, Objects, RemoteObject } from "./objects.ts";
import type { MethodEntry, Surface, WireValue, WorkerMessage } from "./protocol.ts";
import { type Pyodide, type Session, startSyncSession } from "./python-session.ts";

class SyncObject extends RemoteObject {
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * The library in this thread: calls return their results at once, and functions can be arguments.
 *
 * @param pyodide - a loaded Pyodide with NumPy and the package.
 * @throws LoomError Python could not start the session.
 */
export function openDirect(pyodide: Pyodide): direct.Loom {
  const calls = new SyncCalls(pyodide);
  const library = {
    dispose(): void {
      calls.close();
    },
    [Symbol.dispose](): void {
      calls.close();
    },
  };
  addMethods(library, calls.surface.library, calls, true);
  return library as unknown as direct.Loom;
}

/** Calls that are answered before they return. */
class SyncCalls implements Calls {
  readonly surface: Surface;
  readonly #session: Session;
  readonly #objects: Objects;
  readonly #crossing: Crossing = { referenceOf: (value) => this.#objects.referenceOf(value), sameThread: true };
  #answer: WorkerMessage | undefined;
  #closed = false;
  #nextId = 1;

  constructor(pyodide: Pyodide) {
    this.#session = startSyncSession(pyodide, (message) => {
      this.#answer = message;
    });
    const ready = this.#take();
    if (ready?.kind !== "ready")
      throw new LoomError(bridgeError("state", "expected the session to be ready, got no message from it"));
    this.surface = ready.surface;
    this.#objects = new Objects(this, ready.surface, SyncObject, true);
  }

  invoke(owner: unknown, name: string, entry: MethodEntry, given: readonly unknown[]): unknown {
    const target = this.#objects.targetOf(owner);
    const { args, options } = splitArguments(name, entry, given, this.#crossing);
    return this.#objects.decode(this.#call(target, entry.method, args, options));
  }

  dispose(target: number): void {
    this.#call(target, "$dispose");
  }

  release(target: number, received: number): void {
    if (!this.#closed) this.#call(target, "$release", [received]);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#session.close();
  }

  #call(target: number, method: string, args: WireValue[] = [], options: { [key: string]: WireValue } = {}): WireValue {
    if (this.#closed)
      throw new LoomError(bridgeError("closed", "The library was disposed; do: open it again with openDirect()."));
    this.#session.deliver({ kind: "call", id: this.#nextId++, target, method, args, options });
    const answer = this.#take();
    if (answer?.kind === "response" && answer.ok) return answer.value;
    if (answer && "error" in answer) throw new LoomError(answer.error);
    throw new LoomError(bridgeError("state", `${method}: expected an answer of the session, got none`));
  }

  #take(): WorkerMessage | undefined {
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }
}
