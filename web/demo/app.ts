import type { Loom, ObservationMessage, StopReason } from "../generated/loom.d.ts";
import { createDashboard, formatCount } from "../visualiser";
import { Controls } from "./controls";
import { digitise } from "./digitise";
import { type DigitSets, imageAt } from "./digits";
import { describeFailure } from "./failure";
import { download, MODEL_FILE } from "./files";
import { Latest } from "./latest";
import { MistakesView } from "./mistakes";
import { Pad } from "./pad";
import { part } from "./page";
import { PredictionView } from "./prediction";
import { scoreDigits } from "./scoring";
import { needsNewNetwork, type Settings } from "./settings";
import { type RunState, Training } from "./training";
import { ENDINGS, STATES } from "./words";

/** Least milliseconds between two looks at all held-out digits, and between two of the drawn one, while training. */
const SCORE_EVERY_MS = 1000;
const PREDICT_EVERY_MS = 250;
const CLASSES = 10;
/** Characters of an error that the form shows; arrays quoted in full would push everything else off the page. */
const LONGEST_ERROR = 240;

/** What the prediction is of: pixels, and the true digit where it is known. */
interface Subject {
  readonly image: Float32Array;
  readonly truth: number | undefined;
}

/** The page once Python stands: wires controls, training, dashboard, drawing and held-out digits. */
export class App {
  readonly #dashboard = createDashboard(part("dashboard", HTMLDivElement));
  readonly #controls: Controls;
  readonly #training: Training;
  readonly #prediction = new PredictionView();
  readonly #mistakes: MistakesView;
  readonly #pad: Pad;
  readonly #predictions: Latest<Subject>;
  readonly #scores: Latest<void>;
  #subject: Subject | undefined;
  #built: Settings;
  #why: StopReason | undefined;
  #error: string | undefined;
  #scoredAt = 0;
  #renewing = false;

  constructor(
    loom: Loom,
    readonly digits: DigitSets,
  ) {
    this.#controls = new Controls({
      onToggle: () => this.#toggle(),
      onStep: () => void this.#training.step(this.#controls.settings),
      onReset: () => void this.#renew(),
      onSave: () => void this.#save(),
      onLoad: (file) => void this.#load(file),
      onSettings: (settings) => this.#settingsChanged(settings),
    });
    this.#built = this.#controls.settings;
    this.#mistakes = new MistakesView(digits.heldOut);
    this.#training = new Training(loom, digits, {
      onMessage: (message) => this.#onMessage(message),
      onState: (state, why) => this.#onState(state, why),
      onError: (error) => this.#onError(error),
    });
    const report = (error: unknown) => this.#onError(error);
    this.#predictions = new Latest((subject) => this.#predict(subject), report);
    this.#scores = new Latest(() => this.#score(), report);
    this.#pad = new Pad(part("pad", HTMLCanvasElement), (strokes) => {
      const image = digitise(strokes);
      if (image) this.#look({ image, truth: undefined });
    });
    this.#listen();
  }

  async begin(): Promise<void> {
    await this.#renew();
    setInterval(() => {
      if (this.#training.state === "running" && this.#subject) this.#predictions.ask(this.#subject);
    }, PREDICT_EVERY_MS);
  }

  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    this.#dashboard.reset();
    this.#error = this.#why = undefined;
    this.#built = this.#controls.settings;
    const made = await this.#training.renew(this.#built);
    this.#renewing = false;
    if (made) this.#askAgain();
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
      this.#askAgain();
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
    else void this.#training.start(this.#controls.settings);
  }

  #settingsChanged(settings: Settings): void {
    // Nothing is lost by a new network that has not been trained yet.
    if ((this.#training.state === "ready" || !this.#training.hasNetwork) && needsNewNetwork(this.#built, settings))
      void this.#renew();
    this.#showState();
  }

  #onMessage(message: ObservationMessage): void {
    this.#dashboard.push(message);
    if (message.kind === "training" && message.types.includes("validation")) this.#askScore();
  }

  #onState(state: RunState, why: StopReason | undefined): void {
    this.#why = why;
    this.#dashboard.setRunning(state === "running");
    this.#showState();
    if (state !== "running") this.#askAgain();
  }

  #onError(error: unknown): void {
    const { title, text, advice } = describeFailure(error);
    const brief = text.length > LONGEST_ERROR ? `${text.slice(0, LONGEST_ERROR)} …` : text;
    this.#error = `${title}: ${brief} ${advice}`;
    console.error(error); // the whole of it, with its traceback
    this.#showState();
  }

  #showState(): void {
    const { state } = this.#training;
    const chip = part("state", HTMLParagraphElement);
    const broken = state === "ended" && this.#why === "anomaly";
    chip.textContent = broken ? "Stopped by an anomaly" : STATES[state];
    chip.dataset.state = broken ? "failed" : state;
    this.#controls.show(state, this.#error ?? this.#hint(state));
  }

  #hint(state: RunState): string {
    const settings = this.#controls.settings;
    if (state !== "ready" && needsNewNetwork(this.#built, settings))
      return "New layers or activation: press Reset to use them.";
    const under = state === "running" || state === "paused";
    if (under && this.#training.differs(settings)) return "Changed settings hold from the next run on.";
    if (state === "ended" && this.#why) return ENDINGS[this.#why];
    const { training, heldOut } = this.digits;
    return `${formatCount(training.count)} digits to learn from, ${heldOut.count} held out.`;
  }

  #look(subject: Subject): void {
    this.#subject = subject;
    this.#prediction.showImage(subject.image);
    this.#predictions.ask(subject);
  }

  async #predict(subject: Subject): Promise<void> {
    const answer = await this.#training.predict(subject.image);
    if (answer && subject === this.#subject) this.#prediction.show(answer.data, subject.truth);
  }

  /** The network changed: everything that it said is old. */
  #askAgain(): void {
    if (this.#subject) this.#predictions.ask(this.#subject);
    this.#scoredAt = 0;
    this.#askScore();
  }

  #askScore(): void {
    const now = performance.now();
    if (now - this.#scoredAt < SCORE_EVERY_MS) return;
    this.#scoredAt = now;
    this.#scores.ask();
  }

  async #score(): Promise<void> {
    const { heldOut } = this.digits;
    const answer = await this.#training.predict(heldOut.images);
    if (answer) this.#mistakes.show(scoreDigits(answer.data, heldOut, CLASSES));
  }

  #listen(): void {
    part("clear", HTMLButtonElement).addEventListener("click", () => {
      this.#subject = undefined;
      this.#pad.clear();
      this.#prediction.clear();
    });
    part("example", HTMLButtonElement).addEventListener("click", () => {
      const { heldOut } = this.digits;
      const index = Math.floor(Math.random() * heldOut.count);
      this.#pad.clear();
      this.#look({ image: imageAt(heldOut, index), truth: heldOut.labels[index] });
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      if (this.#subject) this.#prediction.showImage(this.#subject.image);
      this.#askAgain();
    });
  }
}
