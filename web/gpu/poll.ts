/**
 * Firefox looks whether the GPU is done about every 100 ms, unless something is submitted: until it gives word at
 * once (bug 1870699), empty work is submitted as long as someone waits. Its timers make that every 4 ms at most.
 */
export class Poll {
  readonly #device: GPUDevice;
  readonly #needed: boolean;
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(device: GPUDevice, needed: boolean) {
    this.#device = device;
    this.#needed = needed;
  }

  /** Whether this browser is one that must be asked. */
  static isNeeded(): boolean {
    return typeof navigator !== "undefined" && /\bFirefox\//.test(navigator.userAgent ?? "");
  }

  /** Wait for what the GPU gives. */
  async during<T>(promise: Promise<T>): Promise<T> {
    if (!this.#needed) return promise;
    this.#waiting += 1;
    this.#timer ??= setInterval(() => this.#device.queue.submit([]), 1);
    try {
      return await promise;
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    }
  }
}
