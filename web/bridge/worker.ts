/** The module worker: loads Pyodide, NumPy and the package, then passes the page's messages to the session. */

import { textOf } from "./errors.ts";
import { PageGPU } from "./gpu.ts";
import { Inbox } from "./inbox.ts";
import { LoadingError, LoadingProgress, unreachable, WatchedFetch } from "./loading.ts";
import type { BootMessage, PageMessage, WorkerMessage } from "./protocol.ts";
import { importModule, type Pyodide, type Session, startSession, wireError } from "./python-session.ts";

declare const self: DedicatedWorkerGlobalScope;

interface PyodideModule {
  loadPyodide(options: { readonly indexURL: string }): Promise<Pyodide>;
}

/** Files that Pyodide fetches once its script runs; started earlier, so that a slow network is never idle. */
const ENGINE_FILES = ["pyodide.asm.wasm", "python_stdlib.zip"];

interface LockFile {
  readonly packages: { readonly [name: string]: { readonly file_name: string; readonly sha256: string } };
}

let session: Session | undefined;

function post(message: WorkerMessage, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}

const inbox = new Inbox({
  deliver(message) {
    if (message.kind === "boot") void boot(message);
    else session?.deliver(message); // no calls arrive before the session exists, since they wait for "ready"
  },
  refuse: (id, error) => post({ kind: "response", id, ok: false, error }),
  read: (blob) => new FileReaderSync().readAsArrayBuffer(blob),
});

self.addEventListener("message", ({ data }: MessageEvent<PageMessage | null>) => inbox.receive(data));
self.addEventListener("messageerror", () => inbox.lost());

async function boot({ indexURL, packageName }: BootMessage): Promise<void> {
  const progress = new LoadingProgress(post);
  const ownFetch = self.fetch;
  const watch = new WatchedFetch(ownFetch.bind(self), progress);
  self.fetch = watch.fetch;
  const gpu = new PageGPU();
  try {
    const pyodide = await load(indexURL, ["numpy", packageName], watch, progress);
    progress.phase("session", "Starting NumPy");
    importModule(pyodide, "numpy");
    progress.phase("session", "Starting the library");
    session = startSession(pyodide, post, { pausing: await gpu.register(pyodide) });
    progress.phase("ready", "Ready");
  } catch (error) {
    const known = watch.failure ?? error;
    post({ kind: "crash", error: known instanceof LoadingError ? known.wire : wireError(known) });
  } finally {
    self.fetch = ownFetch;
  }
}

async function load(
  indexURL: string,
  wanted: readonly string[],
  watch: WatchedFetch,
  progress: LoadingProgress,
): Promise<Pyodide> {
  if (typeof WebAssembly !== "object") {
    const todo = "Do: use a current Chrome, Edge, Firefox or Safari, and allow WebAssembly if a policy disables it.";
    throw new LoadingError("no_webassembly", `This browser has no WebAssembly, which Python needs here. ${todo}`);
  }
  progress.phase("runtime", "Loading Python");
  for (const name of ENGINE_FILES) void watch.ahead(`${indexURL}${name}`);
  void startPackages(indexURL, wanted, watch);
  const address = `${indexURL}pyodide.mjs`;
  const module: PyodideModule = await import(/* @vite-ignore */ address).catch((error) => {
    throw unreachable(address, textOf(error));
  });
  const pyodide = await module.loadPyodide({ indexURL });
  progress.phase("packages", "Loading NumPy and the library");
  const problems: string[] = [];
  await pyodide.loadPackage([...wanted], {
    messageCallback: () => {},
    errorCallback: (text: string) => problems.push(text),
  });
  const missing = wanted.filter((name) => !(name in pyodide.loadedPackages));
  if (missing.length > 0) throw unreachable(`${indexURL} (${missing.join(", ")})`, problems.join("; ") || "no reason");
  return pyodide;
}

/** Start the packages' files, which Pyodide requests only after everything else. */
async function startPackages(indexURL: string, wanted: readonly string[], watch: WatchedFetch): Promise<void> {
  try {
    const answer = await watch.ahead(`${indexURL}pyodide-lock.json`);
    const { packages } = (await answer.clone().json()) as LockFile;
    for (const { file_name, sha256 } of wanted.flatMap((name) => packages[name] ?? [])) {
      void watch.ahead(new URL(file_name, indexURL).href, { integrity: integrityOf(sha256) });
    }
  } catch {
    // Pyodide requests the same lock file, and reports what is wrong with it.
  }
}

function integrityOf(sha256: string): string {
  const bytes = sha256.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? [];
  return `sha256-${btoa(String.fromCharCode(...bytes))}`;
}
