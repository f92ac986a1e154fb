import { bridgeError, textOf } from "./errors.ts";
import type { LoadingPhase, ProgressMessage, WireError } from "./protocol.ts";

/** Least milliseconds between two reports of progress. */
const INTERVAL_MS = 50;

/** An error of loading, with a message for users. */
export class LoadingError extends Error {
  readonly wire: WireError;

  constructor(code: string, message: string) {
    super(message);
    this.wire = bridgeError(code, message);
  }
}

/** Reports the progress of loading: phases, and bytes as they arrive. */
export class LoadingProgress {
  readonly #report: (message: ProgressMessage) => void;
  #phase: LoadingPhase = "start";
  #text = "";
  #loaded = 0;
  #total: number | null = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(report: (message: ProgressMessage) => void) {
    this.#report = report;
  }

  phase(phase: LoadingPhase, text: string): void {
    this.#phase = phase;
    this.#text = text;
    this.#send();
  }

  /** Add a file that is being fetched; null if its size is unknown. */
  expect(bytes: number | null): void {
    this.#total = this.#total === null || bytes === null ? null : this.#total + bytes;
  }

  receive(bytes: number): void {
    this.#loaded += bytes;
    if (performance.now() - this.#reportedAt >= INTERVAL_MS) this.#send();
  }

  #send(): void {
    this.#reportedAt = performance.now();
    const { loaded, total } = { loaded: this.#loaded, total: this.#total };
    this.#report({ kind: "progress", phase: this.#phase, loaded, total, text: this.#text });
  }
}

/**
 * Replaces the worker's `fetch` while Pyodide loads its files: counts bytes, keeps the first failure (Pyodide wraps or
 * swallows it), and serves files whose download was started ahead of the request.
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
    const started = this.#ahead.get(keyOf(address, init));
    this.#ahead.delete(keyOf(address, init)); // a body can be read once
    try {
      return await (started ?? this.#watched(input, address, init));
    } catch (error) {
      if (error instanceof LoadingError) this.failure ??= error;
      throw error;
    }
  };

  /** Start a file that will be requested later; an error is thrown by that request. */
  ahead(address: string, init?: RequestInit): Promise<Response> {
    const watched = this.#watched(address, address, init);
    const started = isWasm(address) ? watched : watched.then(received);
    started.catch(() => {}); // it may never be requested
    this.#ahead.set(keyOf(address, init), started);
    return started;
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
    // WebAssembly responses are passed on unchanged, else browsers do not cache the compiled code.
    return isWasm(address) ? countedWhole(response, this.#progress) : counted(response, response.body, this.#progress);
  }
}

const isWasm = (address: string) => address.endsWith(".wasm");
const keyOf = (address: string, init?: RequestInit) => `${address} ${init?.integrity ?? ""}`;

/** The response with its body received, so that the download does not wait for a reader. */
async function received(response: Response): Promise<Response> {
  const { status, statusText, headers } = response;
  return new Response(await response.arrayBuffer(), { status, statusText, headers });
}

/** Whether a file exists apart from its hash: if so, it is not the file that the lock names. */
async function isThere(fetch: typeof globalThis.fetch, address: string, init?: RequestInit): Promise<boolean> {
  if (!init?.integrity) return false;
  return fetch(address, { method: "HEAD" }).then(
    (response) => response.ok,
    () => false,
  );
}

function badHash(address: string): LoadingError {
  const text = `${address} is not the file that pyodide-lock.json names (its SHA-256 differs).`;
  return new LoadingError("bad_hash", `${text} Do: rebuild the folder, or clear the cache that serves an old copy.`);
}

export function unreachable(address: string, why: string): LoadingError {
  const todo = "Do: check the network connection, and that the folder has Pyodide's files and the package";
  return new LoadingError("network", `Could not load ${address}: ${why}. ${todo}.`);
}

/** Bytes that will arrive; null if the server does not say, or gives their compressed size. */
function lengthOf(response: Response): number | null {
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  return length === null ? null : Number(length);
}

/** Counts a response once it is complete, from the browser's record of its requests. */
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
