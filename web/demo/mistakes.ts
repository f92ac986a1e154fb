import { formatPercent } from "../visualiser";
import { type Digits, imageAt } from "./digits";
import { part } from "./page";
import type { Score } from "./scoring";
import { drawThumbnail } from "./thumbnail";

const SHOWN = 12;

/** Accuracy on the held-out digits, and the most confident mistakes. */
export class MistakesView {
  readonly #figure = part("held-out", HTMLElement);
  readonly #text = part("mistakes-text", HTMLParagraphElement);
  readonly #list = part("mistakes", HTMLUListElement);

  constructor(readonly digits: Digits) {
    this.clear();
  }

  show({ right, count, mistakes }: Score): void {
    this.#figure.textContent = formatPercent(right / count);
    const wrong = mistakes.length;
    const which = wrong > SHOWN ? `; the ${SHOWN} most confident:` : " (true → predicted):";
    this.#text.textContent =
      wrong === 0 ? `All ${count} are classified correctly.` : `${wrong} of ${count} are wrong${which}`;
    this.#list.replaceChildren(
      ...mistakes.slice(0, SHOWN).map(({ index, label, predicted }) => {
        const canvas = document.createElement("canvas");
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `A ${label} classified as ${predicted < 0 ? "nothing" : `a ${predicted}`}`);
        const caption = document.createElement("span");
        const read = document.createElement("b");
        read.textContent = predicted < 0 ? "?" : String(predicted);
        caption.append(`${label} → `, read);
        const item = document.createElement("li");
        item.append(canvas, caption);
        // Drawn once it is in the page, where it inherits the ink colour.
        queueMicrotask(() => drawThumbnail(canvas, imageAt(this.digits, index)));
        return item;
      }),
    );
  }

  clear(): void {
    this.#figure.textContent = "–";
    this.#text.textContent = `${this.digits.count} images that are not used in training.`;
    this.#list.replaceChildren();
  }
}
