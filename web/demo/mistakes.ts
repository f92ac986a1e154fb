import { formatPercent } from "../visualiser";
import { type Digits, imageAt } from "./digits";
import { part } from "./page";
import type { Score } from "./scoring";
import { drawThumbnail } from "./thumbnail";

const SHOWN = 12;

/** Held-out accuracy, and the mistakes that the network is surest of. */
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
    const which = wrong > SHOWN ? `the ${SHOWN} that it is surest of:` : "written → read:";
    this.#text.textContent =
      wrong === 0 ? `All ${count} are read right.` : `${wrong} of ${count} are read wrong; ${which}`;
    this.#list.replaceChildren(
      ...mistakes.slice(0, SHOWN).map(({ index, label, predicted }) => {
        const canvas = document.createElement("canvas");
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `A ${label} that is read as ${predicted < 0 ? "nothing" : `a ${predicted}`}`);
        const caption = document.createElement("span");
        const read = document.createElement("b");
        read.textContent = predicted < 0 ? "?" : String(predicted);
        caption.append(`${label} → `, read);
        const item = document.createElement("li");
        item.append(canvas, caption);
        // Drawn once it stands in the page, where it has the page's ink colour.
        queueMicrotask(() => drawThumbnail(canvas, imageAt(this.digits, index)));
        return item;
      }),
    );
  }

  clear(): void {
    this.#figure.textContent = "–";
    this.#text.textContent = `${this.digits.count} images that training never sees.`;
    this.#list.replaceChildren();
  }
}
