import type { Device, Loom, ObservationMessage, StopReason } from "../generated/loom.d.ts";
import { createDashboard, formatCount } from "../visualiser";
import { Answers } from "./answers";
import { Controls } from "./controls";
import { DeviceWatch } from "./device-watch";
import type { DigitSets } from "./digits";
import { describeFailure } from "./failure";
import { setText } from "./fields";
import { download, MODEL_FILE } from "./files";
import { ENDINGS, STATES } from "./labels";
import { part } from "./page";
import { needsNewNetwork, type Settings } from "./settings";
import { type RunState, Training } from "./training";

/** Longest error text in the form, in characters; an array quoted in full would push the rest off the page. */
const LONGEST_ERROR = 240;

/** The page once Python runs: connects controls, training, dashboard, drawing pad and held-out digits. */
export class App {
  readonly #dashboard = createDashboard(part("dashboard", HTMLDivElement));
  readonly #controls: Controls;
  readonly #training: Training;
  readonly #answers: Answers;
  readonly #device: DeviceWatch;
  #built: Settings;
  #why: StopReason | undefined;
  #error: string | undefined;
  #renewing = false;

  constructor(
    loom: Loom,
    readonly digits: DigitSets,
  ) {
    this.#controls = new Controls({
      onToggle: () => this.#toggle(),
      onStep: () => this.#step(),
      onReset: () => void this.#renew(),
      onSave: () => void this.#save(),
      onLoad: (file) => void this.#load(file),
      onSettings: (settings) => this.#settingsChanged(settings),
      onDevice: (device) => void this.#move(device),
    });
    this.#built = this.#controls.settings;
    this.#training = new Training(loom, digits, {
      onMessage: (message) => this.#onMessage(message),
      onState: (state, why) => this.#onState(state, why),
      onError: (error) => this.#onError(error),
    });
    const report = (error: unknown) => this.#onError(error);
    this.#answers = new Answers(this.#training, digits.heldOut, report);
    const { device } = this.#controls;
    this.#device = new DeviceWatch(this.#training, device, {
      onChange: () => this.#showState(),
      onError: (error) => this.#showError(error),
    });
  }

  async begin(): Promise<void> {
    await this.#renew();
    this.#answers.begin();
  }

  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    this.#dashboard.reset();
    this.#error = this.#why = undefined;
    this.#built = this.#controls.settings;
    const made = await this.#training.renew(this.#built);
    this.#renewing = false;
    if (made) this.#refresh();
    if (made && needsNewNetwork(this.#built, this.#controls.settings)) await this.#renew(); // changed meanwhile
  }

  async #save(): Promise<void> {
    try {
      const bytes = await this.#training.save();
      if (bytes) download(bytes, `digits${MODEL_FILE}`);
    } catch (error) {
      this.#onError(error);
    }
  }

  async #load(file: File): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      await this.#training.load(bytes, () => this.#dashboard.reset());
      this.#error = this.#why = undefined;
      this.#built = this.#controls.settings;
      this.#refresh();
      this.#showState();
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#renewing = false;
    }
  }

  #toggle(): void {
    this.#error = undefined;
    if (this.#training.state === "running") this.#training.pause();
    else {
      this.#device.expectStep();
      void this.#training.start(this.#controls.settings);
    }
  }

  #step(): void {
    this.#device.expectStep();
    void this.#training.step(this.#controls.settings);
  }

  async #move(device: Device): Promise<void> {
    this.#error = undefined;
    try {
      await this.#device.move(device, () => this.#answers.askAgain());
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Asks a new network for its device and its predictions. */
  #refresh(): void {
    this.#device.stepDone();
    void this.#device.look();
    void this.#answers.askAgain();
  }

  #settingsChanged(settings: Settings): void {
    // An untrained network is replaced at once: nothing is lost.
    if ((this.#training.state === "ready" || !this.#training.hasNetwork) && needsNewNetwork(this.#built, settings))
      void this.#renew();
    this.#showState();
  }

  #onMessage(message: ObservationMessage): void {
    this.#dashboard.push(message);
    if (message.kind === "anomaly") void this.#device.look(); // it may report a lost device
    if (message.kind !== "training") return;
    if (message.types.includes("batch_end")) this.#device.stepDone();
    if (message.types.includes("validation")) void this.#answers.askScore();
  }

  #onState(state: RunState, why: StopReason | undefined): void {
    this.#why = why;
    this.#dashboard.setRunning(state === "running");
    this.#showState();
    if (state === "failed") this.#device.stepDone();
    if (state !== "running") void this.#answers.askAgain();
  }

  #onError(error: unknown): void {
    this.#showError(error);
    void this.#device.look(); // a lost device shows up as an error
  }

  #showError(error: unknown): void {
    const { title, text, advice } = describeFailure(error);
    const brief = text.length > LONGEST_ERROR ? `${text.slice(0, LONGEST_ERROR)} …` : text;
    this.#error = `${title}: ${brief} ${advice}`;
    console.error(error); // in full, with its traceback
    this.#showState();
  }

  #showState(): void {
    const { state } = this.#training;
    const chip = part("state", HTMLParagraphElement);
    const broken = state === "ended" && this.#why === "anomaly";
    const label = state === "running" && this.#device.waiting ? "Preparing" : STATES[state];
    setText(chip, broken ? "Stopped by an anomaly" : label);
    chip.dataset.state = broken ? "failed" : state;
    const hint = this.#error ?? this.#device.waiting ?? this.#hint(state);
    this.#controls.show(state, { hint, device: this.#device.text });
  }

  #hint(state: RunState): string {
    const settings = this.#controls.settings;
    if (state !== "ready" && needsNewNetwork(this.#built, settings))
      return "Layers or activation changed: press Reset to use them.";
    const under = state === "running" || state === "paused";
    if (under && this.#training.differs(settings)) return "Changed settings apply from the next run.";
    if (state === "ended" && this.#why) return ENDINGS[this.#why];
    const { training, heldOut } = this.digits;
    return `${formatCount(training.count)} training digits, ${heldOut.count} held out.`;
  }
}
