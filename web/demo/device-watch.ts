import type { Device } from "../generated/loom.d.ts";
import { DEVICES, describeDevice, firstStepOn, isLost, type Whereabouts } from "./device";
import type { DeviceChoice } from "./device-choice";
import { LatestOnly } from "./latest-only";
import type { Training } from "./training";

/** Shorter waits need no words. */
const PATIENCE_MS = 300;

export interface DeviceListener {
  /** What is said has changed. */
  onChange(): void;
  onError(error: unknown): void;
}

/** Keeps what the page says of the device true, and says what it is that takes long on it. */
export class DeviceWatch {
  #at: Whereabouts | undefined;
  #waiting: string | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #worded = false;
  #stepping = false;
  readonly #looks: LatestOnly<void>;

  constructor(
    readonly training: Training,
    readonly choice: DeviceChoice,
    readonly listener: DeviceListener,
  ) {
    this.#looks = new LatestOnly(
      () => this.#look(),
      (error) => listener.onError(error),
    );
  }

  /** Which device is in use, and why. */
  get text(): string {
    return this.#at ? describeDevice(this.#at, this.training.device) : "";
  }

  /** What the page is waiting for, when that takes longer than the blink of an eye. */
  get waiting(): string | undefined {
    return this.#worded ? this.#waiting : undefined;
  }

  /** Asks the network. */
  look(): Promise<void> {
    return this.#looks.ask();
  }

  /** A run begins: its first step prepares a GPU. */
  expectStep(): void {
    this.#stepping = true;
    const text = this.#at && firstStepOn(this.#at, this.training.device);
    if (text) this.#wait(text);
  }

  /** A step is done, or none will come. */
  stepDone(): void {
    if (!this.#stepping) return;
    this.#stepping = false;
    this.#endWait();
    void this.look(); // Auto has decided
  }

  /**
   * Moves the network.
   *
   * @param answers - asks the network everything again: its first answers compile programs of the GPU.
   */
  async move(device: Device, answers: () => Promise<unknown>): Promise<void> {
    this.#wait(`The network moves to ${DEVICES[device]} …`);
    try {
      await this.training.use(device);
      await this.look();
      await answers();
    } finally {
      this.choice.value = this.training.device;
      this.#endWait();
    }
    if (this.training.state === "running") this.expectStep();
  }

  async #look(): Promise<void> {
    const found = await this.training.whereabouts();
    if (!found) return;
    this.#at = found;
    if (isLost(found, this.training.device)) this.choice.value = this.training.device = "auto";
    this.choice.refuse("webgpu", found.withoutGPU);
    this.listener.onChange();
  }

  #wait(text: string): void {
    this.#endWait();
    this.#waiting = text;
    this.#patience = setTimeout(() => {
      this.#worded = true;
      this.listener.onChange();
    }, PATIENCE_MS);
  }

  #endWait(): void {
    clearTimeout(this.#patience);
    this.#waiting = undefined;
    this.#worded = false;
    this.listener.onChange();
  }
}
