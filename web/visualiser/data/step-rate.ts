import { ColumnRing } from "./ring";

const WINDOW_MS = 3000;

/** Steps per second over the last three seconds, and the time spent training, both without pauses. */
export class StepRate {
  readonly #marks = new ColumnRing(1, 256);
  #elapsedMs = 0;
  #resumedAt: number | undefined;
  #running = true;

  push(now: number, step: number): void {
    this.#resumedAt ??= now;
    const last = this.#marks.length - 1;
    // Rows of one message share their arrival time; only the latest counts.
    if (last >= 0 && this.#marks.x(last) === now) this.#marks.amend(step);
    else this.#marks.push(now, step);
  }

  setRunning(running: boolean, now: number): void {
    if (running === this.#running) return;
    this.#running = running;
    if (!running && this.#resumedAt !== undefined) this.#elapsedMs += now - this.#resumedAt;
    this.#resumedAt = undefined;
    if (running) this.#marks.clear(); // the rate excludes the pause; until then the last rate is shown
  }

  /** undefined before two measurements. */
  stepsPerSecond(): number | undefined {
    const length = this.#marks.length;
    let first = length - 1;
    const last = this.#marks.x(length - 1);
    while (first > 0 && this.#marks.x(first - 1) >= last - WINDOW_MS) first--;
    const milliseconds = last - this.#marks.x(first);
    if (!(milliseconds > 0)) return undefined;
    return ((this.#marks.mid(length - 1, 0) - this.#marks.mid(first, 0)) / milliseconds) * 1000;
  }

  elapsedSeconds(now: number): number {
    return (this.#elapsedMs + (this.#resumedAt === undefined ? 0 : now - this.#resumedAt)) / 1000;
  }

  clear(): void {
    this.#marks.clear();
    this.#elapsedMs = 0;
    this.#resumedAt = undefined;
  }
}
