import { type GPUHost, openGPU, type Unavailable } from "../gpu/index.ts";
import type { Pyodide } from "./python-session.ts";

/** Name of the module that is registered for Python. */
const MODULE = "loom_gpu";
/** Longest wait for the GPU; one that opens later is still used. */
const PATIENCE_MS = 2000;

interface GPUModule {
  host: GPUHost | null;
  /** Why there is no host. */
  reason: string;
}

/** Opens the page's GPU for Python, early, since loading Python takes longer. */
export class PageGPU {
  readonly #module: GPUModule = { host: null, reason: `the browser gave no answer within ${PATIENCE_MS / 1000} s` };
  readonly #settled: Promise<void>;
  #hopeless = false;

  constructor(open: () => Promise<GPUHost | Unavailable> = openGPU) {
    const opened = open().then((found) => {
      if ("reason" in found) {
        this.#module.reason = found.reason;
        this.#hopeless = true;
      } else this.#module.host = found;
    });
    this.#settled = Promise.race([opened, new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  }

  /** Register the module of the GPU; returns whether Python can await the GPU. */
  async register(pyodide: Pyodide): Promise<boolean> {
    await this.#settled;
    pyodide.registerJsModule(MODULE, this.#module);
    return !this.#hopeless && canPause();
  }
}

/** Whether Python can pause to await a promise: JavaScript Promise Integration (JSPI). */
function canPause(): boolean {
  return "Suspending" in WebAssembly;
}
