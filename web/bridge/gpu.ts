import { type GPUHost, openGPU, type Unavailable } from "../gpu/index.ts";
import type { Pyodide } from "./python-session.ts";

/** Name under which Python imports what is registered here. */
const MODULE = "loom_gpu";
/** Nobody waits longer for the GPU; it comes into use when it comes. */
const PATIENCE_MS = 2000;

interface GPUModule {
  host: GPUHost | null;
  /** Why there is no host. */
  reason: string;
}

/** The GPU of this page on its way to Python; begun early, since Python takes longer. */
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

  /** Let Python find it; says whether Python will be able to wait for it. */
  async register(pyodide: Pyodide): Promise<boolean> {
    await this.#settled;
    pyodide.registerJsModule(MODULE, this.#module);
    return !this.#hopeless && canPause();
  }
}

/** Whether Python can pause until a promise is settled: JavaScript Promise Integration. */
function canPause(): boolean {
  return "Suspending" in WebAssembly;
}
