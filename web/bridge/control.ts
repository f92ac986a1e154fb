import type { RunControl as Control } from "../generated/loom.d.ts";
import { LoomError } from "./errors.ts";
import type { ControlMessage } from "./protocol.ts";

type SendControl = (action: ControlMessage["action"], steps?: number) => void;

/**
 * Pauses, resumes and steps a long call, as an AbortController aborts one.
 *
 * Pass it in the options of the call. Actions before the call apply from its first step.
 */
export class RunControl implements Control {
  #send: SendControl | undefined;
  #steps: number | undefined;

  /** Whether the call is paused; also true while it does the steps of `step()`. */
  get paused(): boolean {
    return this.#steps !== undefined;
  }

  /** Pause after the current step. */
  pause(): void {
    this.#steps = 0;
    this.#send?.("pause");
  }

  /** Resume. */
  resume(): void {
    this.#steps = undefined;
    this.#send?.("resume");
  }

  /**
   * Do a number of steps, then pause.
   *
   * @throws LoomError "config": it is no whole number from 1.
   */
  step(steps = 1): void {
    if (!Number.isSafeInteger(steps) || steps < 1)
      throw refused("ConfigError", "config", `step: expected a whole number from 1, got ${steps}`);
    this.#steps = (this.#steps ?? 0) + steps;
    this.#send?.("step", steps);
  }

  /**
   * Connect with a starting call; returns the number of steps it may do at first.
   *
   * @throws LoomError "state": another call has it.
   */
  connect(send: SendControl): number | undefined {
    if (this.#send) throw refused("StateError", "state", "RunControl: expected one call at a time, got a second one");
    this.#send = send;
    return this.#steps;
  }

  /** Disconnect from the ended call; later actions apply to the next one. */
  disconnect(): void {
    this.#send = undefined;
  }
}

function refused(name: string, code: string, message: string): LoomError {
  return new LoomError({ name, code, message });
}
