import { digitise } from "./digitise";
import { type Digits, imageAt } from "./digits";
import { DrawingPad } from "./drawing-pad";
import { LatestOnly } from "./latest-only";
import { MistakesView } from "./mistakes";
import { part } from "./page";
import { PredictionView } from "./prediction";
import { scoreDigits } from "./scoring";
import type { Training } from "./training";

/** Least milliseconds between two scorings of the held-out digits, and between two predictions, while training. */
const SCORE_EVERY_MS = 1000;
const PREDICT_EVERY_MS = 250;
const CLASSES = 10;

/** An image to predict: its pixels, and the true digit where it is known. */
interface Subject {
  readonly image: Float32Array;
  readonly truth: number | undefined;
}

/** The network's predictions for the drawn digit and the held-out ones, kept up to date while it learns. */
export class Answers {
  readonly #prediction = new PredictionView();
  readonly #mistakes: MistakesView;
  readonly #pad: DrawingPad;
  readonly #predictions: LatestOnly<Subject>;
  readonly #scores: LatestOnly<void>;
  #subject: Subject | undefined;
  #scoredAt = 0;

  constructor(
    readonly training: Training,
    readonly heldOut: Digits,
    onError: (error: unknown) => void,
  ) {
    this.#mistakes = new MistakesView(heldOut);
    this.#predictions = new LatestOnly((subject) => this.#predict(subject), onError);
    this.#scores = new LatestOnly(() => this.#score(), onError);
    this.#pad = new DrawingPad(part("drawing-pad", HTMLCanvasElement), (strokes) => {
      const image = digitise(strokes);
      if (image) this.#look({ image, truth: undefined });
    });
    this.#listen();
  }

  /** Updates the drawn digit's prediction regularly while training runs. */
  begin(): void {
    setInterval(() => {
      if (this.training.state === "running" && this.#subject) void this.#predictions.ask(this.#subject);
    }, PREDICT_EVERY_MS);
  }

  /** Predicts everything again after the network has changed. */
  async askAgain(): Promise<void> {
    this.#scoredAt = 0;
    await Promise.all([this.#subject && this.#predictions.ask(this.#subject), this.askScore()]);
  }

  /** Scores the held-out digits, unless that was done within the last second. */
  async askScore(): Promise<void> {
    const now = performance.now();
    if (now - this.#scoredAt < SCORE_EVERY_MS) return;
    this.#scoredAt = now;
    await this.#scores.ask();
  }

  #look(subject: Subject): void {
    this.#subject = subject;
    this.#prediction.showImage(subject.image);
    void this.#predictions.ask(subject);
  }

  async #predict(subject: Subject): Promise<void> {
    const answer = await this.training.predict(subject.image);
    if (answer && subject === this.#subject) this.#prediction.show(answer.data, subject.truth);
  }

  async #score(): Promise<void> {
    const answer = await this.training.predict(this.heldOut.images);
    if (answer) this.#mistakes.show(scoreDigits(answer.data, this.heldOut, CLASSES));
  }

  #listen(): void {
    part("clear", HTMLButtonElement).addEventListener("click", () => {
      this.#subject = undefined;
      this.#pad.clear();
      this.#prediction.clear();
    });
    part("example", HTMLButtonElement).addEventListener("click", () => {
      const index = Math.floor(Math.random() * this.heldOut.count);
      this.#pad.clear();
      this.#look({ image: imageAt(this.heldOut, index), truth: this.heldOut.labels[index] });
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      if (this.#subject) this.#prediction.showImage(this.#subject.image);
      void this.askAgain();
    });
  }
}
