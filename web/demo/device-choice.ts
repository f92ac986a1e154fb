import type { Device } from "../generated/loom.d.ts";
import { DEVICES } from "./device";
import { choice, labelled, setText } from "./fields";

const REASON_ID = "device-reason";

/** The list of devices; unavailable ones are disabled, with the reason as their tooltip. */
export class DeviceChoice {
  readonly label: HTMLLabelElement;
  /** The reasons for screen readers, which do not read tooltips of options. */
  readonly reasons = document.createElement("span");
  readonly #select = choice(DEVICES, "auto");
  readonly #refused = new Map<Device, string>();

  constructor(onChoice: (device: Device) => void) {
    this.label = labelled("Device", this.#select);
    this.reasons.id = REASON_ID;
    this.reasons.className = "unseen";
    this.#select.setAttribute("aria-describedby", REASON_ID);
    this.#showReasons();
    // Unlike the form's other settings this one does not wait for the next run: the network moves at once.
    this.#select.addEventListener("change", () => onChoice(this.value));
  }

  get value(): Device {
    return this.#select.value as Device;
  }

  set value(device: Device) {
    this.#select.value = device;
  }

  /** Disables a device for a reason; null enables it again. */
  refuse(device: Device, reason: string | null): void {
    if ((this.#refused.get(device) ?? null) === reason) return;
    if (reason === null) this.#refused.delete(device);
    else this.#refused.set(device, reason);
    this.#showReasons();
  }

  #showReasons(): void {
    for (const option of this.#select.options) {
      const device = option.value as Device;
      const reason = this.#refused.get(device);
      option.disabled = reason !== undefined;
      option.text = reason === undefined ? DEVICES[device] : `${DEVICES[device]} (unavailable)`;
      option.title = reason ?? "";
    }
    const reasons = [...this.#refused].map(
      ([device, reason]) => `${DEVICES[device]} is unavailable: ${reason.replace(/\.$/, "")}.`,
    );
    setText(this.reasons, reasons.join(" "));
    this.#select.title = ["The device that computes. Switching keeps the weights.", ...reasons].join("\n");
  }
}
