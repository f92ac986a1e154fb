/**
 * Runs a task for the latest request only: while one runs, only the last of the further requests waits.
 *
 * Keeps a slow task from being asked faster than it answers.
 */
export class LatestOnly<T> {
  #working: Promise<void> | undefined;
  #waiting: { readonly request: T } | undefined;

  constructor(
    readonly task: (request: T) => Promise<void>,
    readonly onError: (error: unknown) => void,
  ) {}

  /** Requests a run; resolves when no request is left. Errors go to `onError` only. */
  ask(request: T): Promise<void> {
    this.#waiting = { request };
    this.#working ??= this.#work();
    return this.#working;
  }

  async #work(): Promise<void> {
    while (this.#waiting) {
      const { request } = this.#waiting;
      this.#waiting = undefined;
      try {
        await this.task(request);
      } catch (error) {
        this.onError(error);
      }
    }
    this.#working = undefined;
  }
}
