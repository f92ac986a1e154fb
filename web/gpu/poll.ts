/**
 * Firefox checks for finished GPU work only about every 100 ms, or when something is submitted. Until that is fixed
 * (bug 1870699), empty work is submitted while a result is awaited; Firefox's timers limit that to every 4 ms.
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

  /** Whether this browser needs polling. */
  static isNeeded(): boolean {
    return typeof navigator !== "undefined" && /\bFirefox\//.test(navigator.userAgent ?? "");
  }

  /** Await a result of the GPU. */
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
