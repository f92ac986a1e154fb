import { formatPercent } from "../visualiser";
import { part } from "./page";
import { argmax } from "./scoring";
import { drawThumbnail } from "./thumbnail";

const CLASSES = 10;

/** Probability bars, the input image, and the prediction as a sentence. */
export class PredictionView {
  readonly #rows: readonly { readonly row: HTMLLIElement; readonly fill: HTMLElement; readonly share: HTMLElement }[];
  readonly #verdict = part("verdict", HTMLParagraphElement);
  readonly #seen = part("seen", HTMLCanvasElement);

  constructor() {
    const list = part("bars", HTMLOListElement);
    this.#rows = Array.from({ length: CLASSES }, (_, digit) => {
      const row = document.createElement("li");
      const [name, track, fill, share] = [span(""), span("track"), span("fill"), span("share")];
      name.textContent = String(digit);
      track.append(fill);
      row.append(name, track, share);
      list.append(row);
      return { row, fill, share };
    });
    this.clear();
  }

  showImage(image: Float32Array): void {
    drawThumbnail(this.#seen, image);
  }

  show(probabilities: Float32Array, truth: number | undefined): void {
    const best = argmax(probabilities);
    this.#rows.forEach(({ row, fill, share }, digit) => {
      const value = probabilities[digit] ?? Number.NaN;
      fill.style.transform = `scaleX(${Number.isNaN(value) ? 0 : value})`;
      share.textContent = formatPercent(value);
      row.classList.toggle("best", digit === best);
    });
    const label = truth === undefined ? "" : ` The true digit is ${truth}.`;
    const text = best < 0 ? "The network outputs NaN: its weights have diverged." : `Prediction: ${best}.${label}`;
    if (this.#verdict.textContent !== text) this.#verdict.textContent = text;
  }

  clear(): void {
    for (const { row, fill, share } of this.#rows) {
      fill.style.transform = "scaleX(0)";
      share.textContent = "–";
      row.classList.remove("best");
    }
    this.#seen.getContext("2d")?.clearRect(0, 0, this.#seen.width, this.#seen.height);
    this.#verdict.textContent = "Draw a digit above, or use an example.";
  }
}

function span(name: string): HTMLSpanElement {
  const element = document.createElement("span");
  element.className = name;
  return element;
}
