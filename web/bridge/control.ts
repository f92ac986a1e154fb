import type { RunControl as Control } from "../generated/loom.d.ts";
import type { SteerMessage } from "./protocol.ts";

type Steer = (action: SteerMessage["action"], steps?: number) => void;

/**
 * Pauses, resumes and steps one long call, as an AbortController aborts one.
 *
 * Give it with the call's options. What is said before the call begins holds from its first step.
 */
export class RunControl implements Control {
  #steer: Steer | undefined;
  #steps: number | undefined;

  /** Whether the call was told to rest. A call that does a number of steps counts as paused. */
  get paused(): boolean {
    return this.#steps !== undefined;
  }

  /** Rest after the step at hand. */
  pause(): void {
    this.#steps = 0;
    this.#steer?.("pause");
  }

  /** Go on. */
  resume(): void {
    this.#steps = undefined;
    this.#steer?.("resume");
  }

  /** Do so many steps, then rest. */
  step(steps = 1): void {
    this.#steps = (this.#steps ?? 0) + steps;
    this.#steer?.("step", steps);
  }

  /** Connect with a call that begins; gives the number of steps it may do at first. */
  connect(steer: Steer): number | undefined {
    this.#steer = steer;
    return this.#steps;
  }

  /** The call has ended; what is said from now on is for the next one. */
  disconnect(): void {
    this.#steer = undefined;
  }
}
