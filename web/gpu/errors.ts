/** The device was lost, with everything on it. */
export class DeviceLost extends Error {
  override readonly name = "DeviceLost";
}

/** The device has too little memory for a request. */
export class OutOfMemory extends Error {
  override readonly name = "OutOfMemory";
}

/** The device refused a request; the message is the device's own. */
export class GPURefused extends Error {
  override readonly name = "GPURefused";
}

/** Error filters for work that allocates memory. */
export const MEMORY: readonly GPUErrorFilter[] = ["out-of-memory", "validation"];

/** A device's errors. WebGPU reports them later than the call that caused them, so they are kept until the next one. */
export class DeviceErrors {
  readonly #device: GPUDevice;
  readonly #report: (error: Error) => boolean;
  #lost: DeviceLost | undefined;
  #unreported: Error | undefined;

  /**
   * @param report - receives every error that belongs to no call; returns whether a waiting call takes it.
   */
  constructor(device: GPUDevice, report: (error: Error) => boolean) {
    this.#device = device;
    this.#report = report;
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault(); // the next call throws it
      const error = errorOf(event.error, "the GPU");
      if (!report(error)) this.#unreported ??= error;
    });
    void device.lost.then((info) => this.#lose(info));
  }

  /** Throw if the device was lost, or an error that no call has reported. */
  check(): void {
    if (this.#lost) throw this.#lost;
    const unreported = this.#unreported;
    this.#unreported = undefined;
    if (unreported) throw unreported;
  }

  /** The loss of the device; undefined while it works. */
  get lost(): DeviceLost | undefined {
    return this.#lost;
  }

  /** Do work on the device; returns its result, and a promise that rejects with the device's error, if any. */
  watch<T>(
    what: string,
    work: () => T,
    kinds: readonly GPUErrorFilter[] = ["validation"],
  ): readonly [T, Promise<void>] {
    for (const kind of kinds) this.#device.pushErrorScope(kind);
    const refused = () => Promise.all(kinds.map(() => this.#scope(what))).then(() => {});
    try {
      const result = work();
      return [result, refused()];
    } catch (error) {
      refused().catch(() => {}); // the thrown error came first
      throw error;
    }
  }

  async #scope(what: string): Promise<void> {
    const error = await this.#device.popErrorScope().catch(async (problem: unknown) => {
      throw await this.explain(problem, what);
    });
    if (this.#lost) throw this.#lost;
    if (error) throw errorOf(error, what);
  }

  /** Our error for a rejection of WebGPU; promises of a lost device may reject before the loss is announced. */
  async explain(error: unknown, what: string): Promise<Error> {
    if (!this.#lost && isAbort(error)) await Promise.race([this.#device.lost, pause(1000)]);
    return this.#failed(error, what);
  }

  #failed(error: unknown, what: string): Error {
    return this.#lost ?? new GPURefused(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }

  #lose(info: GPUDeviceLostInfo): void {
    const why = info.message || "no reason was given";
    this.#lost = new DeviceLost(`The GPU is gone (${info.reason}): ${why}`);
    this.#report(this.#lost);
  }
}

const isAbort = (error: unknown) => error instanceof Error && ["AbortError", "OperationError"].includes(error.name);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function errorOf(error: GPUError, what: string): Error {
  const isMemory = error.constructor.name === "GPUOutOfMemoryError";
  const Kind = isMemory ? OutOfMemory : GPURefused;
  return new Kind(`${what}: ${error.message.trim()}`);
}
