import type { Device } from "../generated/loom.d.ts";
import { DEVICES, type DeviceStatus, describeDevice, firstStepOn, isLost } from "./device";
import type { DeviceChoice } from "./device-choice";
import { LatestOnly } from "./latest-only";
import type { Training } from "./training";

/** Shorter waits are not shown, in milliseconds. */
const PATIENCE_MS = 300;

export interface DeviceListener {
  /** The texts have changed. */
  onChange(): void;
  onError(error: unknown): void;
}

/** Keeps the page's texts about the device up to date, and explains long waits. */
export class DeviceWatch {
  #at: DeviceStatus | undefined;
  #waiting: string | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #shown = false;
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

  /** The device in use, and why. */
  get text(): string {
    return this.#at ? describeDevice(this.#at, this.training.device) : "";
  }

  /** What the page waits for, once the wait is long enough to notice. */
  get waiting(): string | undefined {
    return this.#shown ? this.#waiting : undefined;
  }

  /** Asks the network for its device. */
  look(): Promise<void> {
    return this.#looks.ask();
  }

  /** Announces a run, whose first step may have to prepare the GPU. */
  expectStep(): void {
    this.#stepping = true;
    const text = this.#at && firstStepOn(this.#at, this.training.device);
    if (text) this.#wait(text);
  }

  /** Ends the wait: a step is done, or none will come. */
  stepDone(): void {
    if (!this.#stepping) return;
    this.#stepping = false;
    this.#endWait();
    void this.look(); // Auto has decided by now
  }

  /**
   * Moves the network.
   *
   * @param answers - predicts everything again, which compiles the GPU programs of the first predictions.
   */
  async move(device: Device, answers: () => Promise<unknown>): Promise<void> {
    this.#wait(`Moving the network to ${DEVICES[device]} …`);
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
    const found = await this.training.deviceStatus();
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
      this.#shown = true;
      this.listener.onChange();
    }, PATIENCE_MS);
  }

  #endWait(): void {
    clearTimeout(this.#patience);
    this.#waiting = undefined;
    this.#shown = false;
    this.listener.onChange();
  }
}
