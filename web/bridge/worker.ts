/** The module worker: loads Pyodide, NumPy and the package, then hands the page's messages to the session. */

import { importModule, type Pyodide, type Session, startSession, wireError } from "./core.ts";
import { textOf } from "./errors.ts";
import { LoadingError, LoadingProgress, unreachable, WatchedFetch } from "./loading.ts";
import type { BootMessage, PageMessage, WorkerMessage } from "./protocol.ts";

declare const self: DedicatedWorkerGlobalScope;

interface PyodideModule {
  loadPyodide(options: { readonly indexURL: string }): Promise<Pyodide>;
}

let session: Session | undefined;

function post(message: WorkerMessage, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}

self.addEventListener("message", ({ data }: MessageEvent<PageMessage>) => {
  if (data.kind === "boot") void boot(data);
  else session?.deliver(data); // a message before the session stands is no call, since calls wait for "ready"
});

async function boot({ indexURL, packageName }: BootMessage): Promise<void> {
  const progress = new LoadingProgress(post);
  const ownFetch = self.fetch;
  const watch = new WatchedFetch(ownFetch.bind(self), progress);
  self.fetch = watch.fetch;
  try {
    const pyodide = await load(indexURL, packageName, progress);
    progress.phase("session", "Starting NumPy");
    importModule(pyodide, "numpy");
    progress.phase("session", "Starting the library");
    session = startSession(pyodide, post);
    progress.phase("ready", "Ready");
  } catch (error) {
    const known = watch.failure ?? error;
    post({ kind: "crash", error: known instanceof LoadingError ? known.wire : wireError(known) });
  } finally {
    self.fetch = ownFetch;
  }
}

async function load(indexURL: string, packageName: string, progress: LoadingProgress): Promise<Pyodide> {
  if (typeof WebAssembly !== "object") {
    const todo = "Use a current Chrome, Edge, Firefox or Safari, and allow WebAssembly where a policy turned it off.";
    throw new LoadingError("no_webassembly", `This browser has no WebAssembly, which Python needs here. ${todo}`);
  }
  progress.phase("runtime", "Loading Python");
  const address = `${indexURL}pyodide.mjs`;
  const module: PyodideModule = await import(/* @vite-ignore */ address).catch((error) => {
    throw unreachable(address, textOf(error));
  });
  const pyodide = await module.loadPyodide({ indexURL });
  progress.phase("packages", "Loading NumPy and the library");
  const problems: string[] = [];
  await pyodide.loadPackage(["numpy", packageName], {
    messageCallback: () => {},
    errorCallback: (text: string) => problems.push(text),
  });
  const missing = ["numpy", packageName].filter((name) => !(name in pyodide.loadedPackages));
  if (missing.length > 0) throw unreachable(`${indexURL} (${missing.join(", ")})`, problems.join("; ") || "no reason");
  return pyodide;
}
