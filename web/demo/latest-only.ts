/**
 * Runs a task for the newest request only: while it is under way, of all further requests the last one waits.
 * Keeps a slow answerer from being asked faster than it answers.
 */
export class LatestOnly<T> {
  #working: Promise<void> | undefined;
  #waiting: { readonly request: T } | undefined;

  constructor(
    readonly task: (request: T) => Promise<void>,
    readonly onError: (error: unknown) => void,
  ) {}

  /** Asks; the promise is kept when nothing is left to be done, errors are told to `onError` alone. */
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
