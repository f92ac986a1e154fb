import type { Loom, LoomOptions } from "../generated/loom.d.ts";
import { AsyncCalls } from "./async-api.ts";
import { bridgeError, LoomError } from "./errors.ts";
import { addMethods } from "./objects.ts";
import type { WorkerMessage } from "./protocol.ts";
import { type Endpoint, Rpc } from "./rpc.ts";

const PACKAGE = "loom-py";
const rpcOf = new WeakMap<object, Rpc>();

/**
 * Start Python in a module worker and return the library.
 *
 * @throws LoomError loading failed; the message says why, the code is "network", "bad_hash", "no_webassembly",
 * "python" or "worker".
 */
export async function createLoom(options: LoomOptions = {}): Promise<Loom> {
  options.signal?.throwIfAborted();
  const worker = startWorker(options.workerURL);
  const rpc = connectWorker(worker, options);
  const abort = () => rpc.fail(new LoomError(bridgeError("cancelled", "Loading was cancelled.")));
  options.signal?.addEventListener("abort", abort, { once: true });
  rpc.post({ kind: "boot", indexURL: indexOf(options.indexURL), packageName: PACKAGE });
  try {
    return await connect(rpc, () => worker.terminate());
  } catch (error) {
    worker.terminate();
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
}

/** Connect to an endpoint that serves the package; resolves to the library once the other side is ready. */
export async function connect(rpc: Rpc, close: () => void = () => {}): Promise<Loom> {
  const surface = await rpc.surface;
  const stopWatching = reportHiding(rpc);
  const library = {
    async dispose(): Promise<void> {
      stopWatching();
      rpc.fail(new LoomError(bridgeError("closed", "The library was disposed; do: make a new one with createLoom().")));
      close();
    },
    [Symbol.asyncDispose](): Promise<void> {
      return this.dispose();
    },
  };
  addMethods(library, surface.library, new AsyncCalls(rpc, surface), false);
  rpcOf.set(library, rpc);
  return library as unknown as Loom;
}

/** Number of objects that the worker holds for the page; 0 when all are disposed. */
export async function countAlive(loom: Loom): Promise<number> {
  const rpc = rpcOf.get(loom);
  if (!rpc) throw new LoomError(bridgeError("state", "countAlive: expected a library made by createLoom"));
  return Number(await rpc.call({ target: 0, method: "$alive", args: [], options: {} }).value);
}

function startWorker(address: string | URL | undefined): Worker {
  // Bundlers recognise the worker by exactly this expression.
  if (address === undefined) return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  return new Worker(address, { type: "module" });
}

function connectWorker(worker: Worker, options: LoomOptions): Rpc {
  const rpc = new Rpc(worker as Endpoint, ({ kind: _, ...progress }) => options.onProgress?.(progress));
  const crash = (text: string) => {
    rpc.fail(new LoomError(bridgeError("worker", text)));
    worker.terminate();
  };
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    const where = event.filename ? ` (${event.filename}:${event.lineno})` : "";
    crash(`The worker failed: ${event.message || "its script could not be loaded; do: check its address"}${where}`);
  });
  worker.addEventListener("messageerror", () => rpc.lose());
  worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
    if (data.kind === "crash") worker.terminate();
  });
  return rpc;
}

function indexOf(given: string | URL | undefined): string {
  const address = new URL(given ?? "pyodide/", document.baseURI).href;
  return address.endsWith("/") ? address : `${address}/`;
}

/** Report when the page is hidden, so that observers that send over the network can flush. */
function reportHiding(rpc: Rpc): () => void {
  if (typeof document === "undefined") return () => {};
  const report = () => {
    if (document.visibilityState === "hidden") rpc.post({ kind: "hide" });
  };
  document.addEventListener("visibilitychange", report);
  return () => document.removeEventListener("visibilitychange", report);
}
