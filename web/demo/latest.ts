/**
 * Runs a task for the newest request only: while it is under way, of all further requests the last one waits.
 * Keeps a slow answerer from being asked faster than it answers.
 */
export class Latest<T> {
  #busy = false;
  #waiting: { readonly request: T } | undefined;

  constructor(
    readonly task: (request: T) => Promise<void>,
    readonly onError: (error: unknown) => void,
  ) {}

  ask(request: T): void {
    this.#waiting = { request };
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#waiting) {
      const { request } = this.#waiting;
      this.#waiting = undefined;
      try {
        await this.task(request);
      } catch (error) {
        this.onError(error);
      }
    }
    this.#busy = false;
  }
}
