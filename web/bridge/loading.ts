import { bridgeError, textOf } from "./errors.ts";
import type { LoadingPhase, ProgressMessage, WireError } from "./protocol.ts";

/** Progress is told this often at most, in milliseconds. */
const INTERVAL_MS = 50;

/** An error of loading whose words are ready to be shown. */
export class LoadingError extends Error {
  readonly wire: WireError;

  constructor(code: string, message: string) {
    super(message);
    this.wire = bridgeError(code, message);
  }
}

/** Tells how loading goes: phases, and bytes as the browser receives them. */
export class LoadingProgress {
  readonly #tell: (message: ProgressMessage) => void;
  #phase: LoadingPhase = "start";
  #text = "";
  #loaded = 0;
  #total: number | null = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(tell: (message: ProgressMessage) => void) {
    this.#tell = tell;
  }

  phase(phase: LoadingPhase, text: string): void {
    this.#phase = phase;
    this.#text = text;
    this.#send();
  }

  /** A file was begun; null where its size is not known beforehand. */
  expect(bytes: number | null): void {
    this.#total = this.#total === null || bytes === null ? null : this.#total + bytes;
  }

  receive(bytes: number): void {
    this.#loaded += bytes;
    if (performance.now() - this.#toldAt >= INTERVAL_MS) this.#send();
  }

  #send(): void {
    this.#toldAt = performance.now();
    const { loaded, total } = { loaded: this.#loaded, total: this.#total };
    this.#tell({ kind: "progress", phase: this.#phase, loaded, total, text: this.#text });
  }
}

/**
 * Stands in for the worker's `fetch` while Pyodide loads, which fetches its files itself: counts bytes, keeps the
 * first failure in words (Pyodide wraps or swallows it), and hands over files that were begun ahead of being asked for.
 */
export class WatchedFetch {
  failure: LoadingError | undefined;
  readonly #fetch: typeof globalThis.fetch;
  readonly #progress: LoadingProgress;
  readonly #ahead = new Map<string, Promise<Response>>();

  constructor(fetch: typeof globalThis.fetch, progress: LoadingProgress) {
    this.#fetch = fetch;
    this.#progress = progress;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const address = input instanceof Request ? input.url : String(input);
    const begun = this.#ahead.get(keyOf(address, init));
    this.#ahead.delete(keyOf(address, init)); // a body can be read once
    try {
      return await (begun ?? this.#watched(input, address, init));
    } catch (error) {
      if (error instanceof LoadingError) this.failure ??= error;
      throw error;
    }
  };

  /** Begin with a file that will be asked for; what goes wrong with it is told to whoever asks. */
  ahead(address: string, init?: RequestInit): Promise<Response> {
    const watched = this.#watched(address, address, init);
    const begun = isWasm(address) ? watched : watched.then(held);
    begun.catch(() => {}); // nobody has to ask
    this.#ahead.set(keyOf(address, init), begun);
    return begun;
  }

  async #watched(input: RequestInfo | URL, address: string, init?: RequestInit): Promise<Response> {
    const response = await this.#fetch(input, init).catch(async (error: unknown) => {
      const isOther = await isThere(this.#fetch, address, init);
      throw isOther ? badHash(address) : unreachable(address, textOf(error));
    });
    if (!response.ok) {
      const status = `${response.status} ${response.statusText}`.trim();
      throw unreachable(address, `the server answered ${status}`);
    }
    if (!response.body) return response;
    // WebAssembly is handed on as it came: only then does the browser keep what it compiles for the next visit.
    return isWasm(address) ? countedWhole(response, this.#progress) : counted(response, response.body, this.#progress);
  }
}

const isWasm = (address: string) => address.endsWith(".wasm");
const keyOf = (address: string, init?: RequestInit) => `${address} ${init?.integrity ?? ""}`;

/** The same answer with its body received, so that nothing waits in the network for being read. */
async function held(response: Response): Promise<Response> {
  const { status, statusText, headers } = response;
  return new Response(await response.arrayBuffer(), { status, statusText, headers });
}

/** A file that can be had, but not with its hash, is another file than the lock names. */
async function isThere(fetch: typeof globalThis.fetch, address: string, init?: RequestInit): Promise<boolean> {
  if (!init?.integrity) return false;
  return fetch(address, { method: "HEAD" }).then(
    (response) => response.ok,
    () => false,
  );
}

function badHash(address: string): LoadingError {
  const words = `${address} is not the file that pyodide-lock.json names (its SHA-256 differs).`;
  return new LoadingError("bad_hash", `${words} Build the folder anew, or clear the cache that serves an old copy.`);
}

export function unreachable(address: string, why: string): LoadingError {
  const todo = "Check the network connection, and that the folder holds Pyodide's files and the package";
  return new LoadingError("network", `Could not load ${address}: ${why}. ${todo}.`);
}

/** Bytes that will arrive; null where the server does not say, or says what they are compressed to. */
function lengthOf(response: Response): number | null {
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  return length === null ? null : Number(length);
}

/** Counts an answer when all of it is there, by the browser's own record of its requests. */
function countedWhole(response: Response, progress: LoadingProgress): Response {
  const length = lengthOf(response);
  progress.expect(length);
  const observer = new PerformanceObserver((list) => {
    const found = list.getEntriesByName(response.url)[0] as PerformanceResourceTiming | undefined;
    if (!found) return;
    observer.disconnect();
    progress.receive(length ?? found.decodedBodySize);
  });
  observer.observe({ type: "resource", buffered: true });
  return response;
}

function counted(response: Response, body: ReadableStream<Uint8Array>, progress: LoadingProgress): Response {
  progress.expect(lengthOf(response));
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      progress.receive(chunk.byteLength);
      controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(body.pipeThrough(counter), { status, statusText, headers });
}
