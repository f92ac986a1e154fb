import type { Device } from "../generated/loom.d.ts";
import { DeviceChoice } from "./device-choice";
import { button, choice, field, labelled, setText } from "./fields";
import { chooseFile, MODEL_FILE } from "./files";
import { part } from "./page";
import {
  ACTIVATIONS,
  BATCH_SIZES,
  DEFAULTS,
  OPTIMIZERS,
  PRESETS,
  problemWith,
  type Settings,
  USUAL_RATE,
} from "./settings";
import type { RunState } from "./training";

export interface ControlsListener {
  onToggle(): void;
  onStep(): void;
  onReset(): void;
  onSave(): void;
  onLoad(file: File): void;
  onSettings(settings: Settings): void;
  onDevice(device: Device): void;
}

/** Texts below the fields of the form. */
export interface FormTexts {
  /** A hint for the user, or an error. */
  readonly hint: string;
  /** The device in use, and why. */
  readonly device: string;
}

const TOGGLE: Readonly<Record<RunState, string>> = {
  ready: "Start",
  loaded: "Start",
  running: "Pause",
  paused: "Resume",
  ended: "Continue",
  failed: "Start",
};

/** The form with buttons and hyper-parameters. */
export class Controls {
  readonly #form = part("controls", HTMLFormElement);
  readonly #toggle = button("Start", "submit", "primary");
  readonly #step = button("Step", "button");
  readonly #reset = button("Reset", "button");
  readonly #save = button("Save", "button");
  readonly #load = button("Load", "button");
  readonly #hint = document.createElement("p");
  readonly #preset = choice(PRESETS, DEFAULTS.preset);
  readonly #activation = choice(ACTIVATIONS, DEFAULTS.activation);
  readonly #optimizer = choice(OPTIMIZERS, DEFAULTS.optimizer);
  readonly #batch = choice(
    Object.fromEntries(BATCH_SIZES.map((size) => [size, String(size)])),
    String(DEFAULTS.batchSize),
  );
  readonly #rate = field(String(DEFAULTS.learningRate));
  readonly #epochs = field(String(DEFAULTS.epochs));
  readonly #deviceText = document.createElement("p");
  readonly device: DeviceChoice;

  constructor(listener: ControlsListener) {
    this.#step.title = "Do one training step, then pause";
    this.#reset.title = "Make a new network with these settings and new weights";
    this.#save.title = "Save the network and its weights to a file";
    this.#load.title = "Load a network from a saved file";
    this.#hint.className = "hint";
    this.#hint.setAttribute("role", "status");
    this.#deviceText.className = "device";
    this.#deviceText.setAttribute("role", "status");
    this.device = new DeviceChoice((device) => listener.onDevice(device));
    const texts = document.createElement("div");
    texts.className = "form-texts";
    texts.append(this.#hint, this.#deviceText, this.device.reasons);
    const buttons = document.createElement("span");
    buttons.className = "buttons";
    buttons.append(this.#toggle, this.#step, this.#reset, this.#save, this.#load);
    this.#form.append(
      buttons,
      labelled("Layers", this.#preset),
      labelled("Activation", this.#activation),
      labelled("Optimizer", this.#optimizer),
      labelled("Learning rate", this.#rate),
      labelled("Batch size", this.#batch),
      labelled("Epochs", this.#epochs),
      this.device.label,
      texts,
    );
    this.#listen(listener);
  }

  get settings(): Settings {
    return {
      preset: this.#preset.value as Settings["preset"],
      activation: this.#activation.value as Settings["activation"],
      optimizer: this.#optimizer.value as Settings["optimizer"],
      learningRate: Number(this.#rate.value.replace(",", ".") || Number.NaN),
      batchSize: Number(this.#batch.value),
      epochs: Number(this.#epochs.value || Number.NaN),
    };
  }

  /** Updates buttons and texts for a state; a problem with the settings takes the place of the hint. */
  show(state: RunState, { hint, device }: FormTexts): void {
    const problem = problemWith(this.settings);
    this.#toggle.textContent = TOGGLE[state];
    this.#toggle.disabled = problem !== undefined && state !== "running";
    this.#step.disabled = problem !== undefined;
    this.#reset.disabled = problem !== undefined;
    this.#rate.setAttribute("aria-invalid", String(problem?.startsWith("Learning") ?? false));
    this.#epochs.setAttribute("aria-invalid", String(problem?.startsWith("Epochs") ?? false));
    this.#hint.dataset.tone = problem ? "bad" : "";
    setText(this.#hint, problem ?? hint);
    setText(this.#deviceText, device);
  }

  #listen(listener: ControlsListener): void {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      listener.onToggle();
    });
    this.#step.addEventListener("click", () => listener.onStep());
    this.#reset.addEventListener("click", () => listener.onReset());
    this.#save.addEventListener("click", () => listener.onSave());
    this.#load.addEventListener("click", () => chooseFile(MODEL_FILE, (file) => listener.onLoad(file)));
    this.#optimizer.addEventListener("change", () => {
      // A learning rate that suits one optimizer misleads with another.
      this.#rate.value = String(USUAL_RATE[this.settings.optimizer]);
    });
    this.#form.addEventListener("input", () => listener.onSettings(this.settings));
    this.#form.addEventListener("change", () => listener.onSettings(this.settings));
  }
}
