/** The device is gone; what was on it is lost. */
export class DeviceLost extends Error {
  override readonly name = "DeviceLost";
}

/** The device has no room for what was asked for. */
export class OutOfMemory extends Error {
  override readonly name = "OutOfMemory";
}

/** The device refused what it was told, in its own words. */
export class GPURefused extends Error {
  override readonly name = "GPURefused";
}

/** Of work that asks for memory. */
export const MEMORY: readonly GPUErrorFilter[] = ["out-of-memory", "validation"];

/** A device's errors: nobody waits for them, so they are kept until someone can be told. */
export class DeviceErrors {
  readonly #device: GPUDevice;
  readonly #tell: (error: Error) => boolean;
  #lost: DeviceLost | undefined;
  #untold: Error | undefined;

  /**
   * @param tell - is given every error that belongs to no call; says whether anyone waits who will be told.
   */
  constructor(device: GPUDevice, tell: (error: Error) => boolean) {
    this.#device = device;
    this.#tell = tell;
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault(); // it is told to whoever asks next
      const error = worded(event.error, "the GPU");
      if (!tell(error)) this.#untold ??= error;
    });
    void device.lost.then((info) => this.#lose(info));
  }

  /** Throw when the device is gone, or when something went wrong that nobody was told of. */
  check(): void {
    if (this.#lost) throw this.#lost;
    const untold = this.#untold;
    this.#untold = undefined;
    if (untold) throw untold;
  }

  /** Why the device is gone; undefined while it is there. */
  get lost(): DeviceLost | undefined {
    return this.#lost;
  }

  /** Do some work on the device; gives what it gives, and a promise that rejects with what the device refused of it. */
  watch<T>(
    what: string,
    work: () => T,
    kinds: readonly GPUErrorFilter[] = ["validation"],
  ): readonly [T, Promise<void>] {
    for (const kind of kinds) this.#device.pushErrorScope(kind);
    const refused = () => Promise.all(kinds.map(() => this.#scope(what))).then(() => {});
    try {
      const given = work();
      return [given, refused()];
    } catch (error) {
      refused().catch(() => {}); // this error came first
      throw error;
    }
  }

  async #scope(what: string): Promise<void> {
    const error = await this.#device.popErrorScope().catch(async (problem: unknown) => {
      throw await this.explain(problem, what);
    });
    if (this.#lost) throw this.#lost;
    if (error) throw worded(error, what);
  }

  /** What a promise of WebGPU rejected with, as we tell it; promises of a device that is gone may reject first. */
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
    this.#tell(this.#lost);
  }
}

const isAbort = (error: unknown) => error instanceof Error && ["AbortError", "OperationError"].includes(error.name);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function worded(error: GPUError, what: string): Error {
  const isMemory = error.constructor.name === "GPUOutOfMemoryError";
  const Kind = isMemory ? OutOfMemory : GPURefused;
  return new Kind(`${what}: ${error.message.trim()}`);
}
