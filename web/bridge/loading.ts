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
 * Stands in for the worker's `fetch` while Pyodide loads, which fetches its files itself: counts bytes, and keeps the
 * first failure in words (Pyodide wraps or swallows it).
 */
export class WatchedFetch {
  failure: LoadingError | undefined;
  readonly #fetch: typeof globalThis.fetch;
  readonly #progress: LoadingProgress;

  constructor(fetch: typeof globalThis.fetch, progress: LoadingProgress) {
    this.#fetch = fetch;
    this.#progress = progress;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const address = input instanceof Request ? input.url : String(input);
    const response = await this.#fetch(input, init).catch(async (error: unknown) => {
      const isOther = await isThere(this.#fetch, address, init);
      throw this.#fail(isOther ? badHash(address) : unreachable(address, textOf(error)));
    });
    if (!response.ok) {
      const status = `${response.status} ${response.statusText}`.trim();
      throw this.#fail(unreachable(address, `the server answered ${status}`));
    }
    return response.body ? counted(response, response.body, this.#progress) : response;
  };

  #fail(error: LoadingError): LoadingError {
    this.failure ??= error;
    return error;
  }
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

function counted(response: Response, body: ReadableStream<Uint8Array>, progress: LoadingProgress): Response {
  // The stated length of a compressed answer is not that of what arrives here.
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  progress.expect(length === null ? null : Number(length));
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      progress.receive(chunk.byteLength);
      controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(body.pipeThrough(counter), { status, statusText, headers });
}
