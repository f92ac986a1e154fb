import type { Loom, LoomOptions } from "../generated/loom.d.ts";
import { AsyncCalls } from "./async-api.ts";
import { bridgeError, LoomError } from "./errors.ts";
import { addMethods } from "./objects.ts";
import type { WorkerMessage } from "./protocol.ts";
import { type Endpoint, Rpc } from "./rpc.ts";

const PACKAGE = "loom-py";
const rpcOf = new WeakMap<object, Rpc>();

/**
 * Start Python in a module worker and give the library.
 *
 * @throws LoomError loading failed; its message says why in words, its code is "network", "bad_hash",
 * "no_webassembly", "python" or "worker".
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

/** The library over any endpoint whose other side serves the package, once that is ready. */
export async function connect(rpc: Rpc, close: () => void = () => {}): Promise<Loom> {
  const surface = await rpc.surface;
  const forgetPage = tellWhenHidden(rpc);
  const library = {
    async dispose(): Promise<void> {
      forgetPage();
      rpc.fail(new LoomError(bridgeError("closed", "The library was disposed; make a new one with createLoom().")));
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

/** How many objects the worker holds for the page; 0 when everything was disposed. */
export async function countAlive(loom: Loom): Promise<number> {
  const rpc = rpcOf.get(loom);
  if (!rpc) throw new LoomError(bridgeError("state", "countAlive: expected a library that createLoom gave"));
  return Number(await rpc.call({ target: 0, method: "$alive", args: [], options: {} }).value);
}

function startWorker(address: string | URL | undefined): Worker {
  // The bundler finds the worker by this very expression.
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
    crash(`The worker failed: ${event.message || "its script could not be loaded; check its address"}${where}`);
  });
  worker.addEventListener("messageerror", () => crash("A message from the worker could not be read."));
  worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
    if (data.kind === "crash") worker.terminate();
  });
  return rpc;
}

function indexOf(given: string | URL | undefined): string {
  const address = new URL(given ?? "pyodide/", document.baseURI).href;
  return address.endsWith("/") ? address : `${address}/`;
}

/** Observers that send over the network get a last chance when the page is left. */
function tellWhenHidden(rpc: Rpc): () => void {
  if (typeof document === "undefined") return () => {};
  const tell = () => {
    if (document.visibilityState === "hidden") rpc.post({ kind: "hide" });
  };
  document.addEventListener("visibilitychange", tell);
  return () => document.removeEventListener("visibilitychange", tell);
}
