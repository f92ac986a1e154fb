import type { Device } from "../generated/loom.d.ts";
import { DEVICES } from "./device";
import { choice, labelled, setText } from "./fields";

const REASON_ID = "device-reason";

/** The list of devices; those that can't be had stand in it with the reason. */
export class DeviceChoice {
  readonly label: HTMLLabelElement;
  /** The reasons for screen readers, which are not told of tooltips. */
  readonly reasons = document.createElement("span");
  readonly #select = choice(DEVICES, "auto");
  readonly #refused = new Map<Device, string>();

  constructor(onChoice: (device: Device) => void) {
    this.label = labelled("Device", this.#select);
    this.reasons.id = REASON_ID;
    this.reasons.className = "unseen";
    this.#select.setAttribute("aria-describedby", REASON_ID);
    this.#tell();
    // Not a setting of the next run, as the form's others are: the network moves at once.
    this.#select.addEventListener("change", () => onChoice(this.value));
  }

  get value(): Device {
    return this.#select.value as Device;
  }

  set value(device: Device) {
    this.#select.value = device;
  }

  /** Why a device can't be chosen; null: it can. */
  refuse(device: Device, reason: string | null): void {
    if ((this.#refused.get(device) ?? null) === reason) return;
    if (reason === null) this.#refused.delete(device);
    else this.#refused.set(device, reason);
    this.#tell();
  }

  #tell(): void {
    for (const option of this.#select.options) {
      const device = option.value as Device;
      const reason = this.#refused.get(device);
      option.disabled = reason !== undefined;
      option.text = reason === undefined ? DEVICES[device] : `${DEVICES[device]} (not here)`;
      option.title = reason ?? "";
    }
    const reasons = [...this.#refused].map(
      ([device, reason]) => `${DEVICES[device]} can't be chosen: ${reason.replace(/\.$/, "")}.`,
    );
    setText(this.reasons, reasons.join(" "));
    this.#select.title = ["What computes; the weights are kept.", ...reasons].join("\n");
  }
}
