import type { LoadingProgress } from "../generated/loom.d.ts";
import { part } from "./page";

type Phase = LoadingProgress["phase"];

/** Fill of the bar at the start of each phase, by the phases' durations in a warm browser. */
const BEGINS: Readonly<Record<Phase, number>> = { start: 0.02, runtime: 0.06, packages: 0.5, session: 0.85, ready: 1 };
const ENDS: Readonly<Record<Phase, number>> = { start: 0.06, runtime: 0.5, packages: 0.85, session: 0.99, ready: 1 };

/** Fill of the bar, 0 to 1; `before` keeps it from going back when another file turns out to be needed. */
export function shareLoaded({ phase, loaded, total }: LoadingProgress, before: number): number {
  const within = total && total > 0 ? Math.min(1, loaded / total) : 0;
  return Math.max(before, BEGINS[phase] + (ENDS[phase] - BEGINS[phase]) * within);
}

/** Phase, progress and elapsed time of loading, updated at least every half second. */
export class LoadingView {
  readonly #text = part("loading-text", HTMLParagraphElement);
  readonly #detail = part("loading-detail", HTMLParagraphElement);
  readonly #bar = part("loading-bar", HTMLDivElement);
  readonly #began = performance.now();
  readonly #clock: ReturnType<typeof setInterval>;
  #share = 0;
  #bytes = 0;

  constructor() {
    this.#clock = setInterval(() => this.#tick(), 250);
    this.show({ phase: "start", loaded: 0, total: null, text: "Starting Python in a worker …" });
  }

  show(progress: LoadingProgress): void {
    this.#share = shareLoaded(progress, this.#share);
    this.#bytes = Math.max(this.#bytes, progress.loaded);
    if (this.#text.textContent !== progress.text) this.#text.textContent = progress.text;
    const fill = this.#bar.firstElementChild;
    if (fill instanceof HTMLElement) fill.style.transform = `scaleX(${Math.max(0.01, this.#share)})`;
    this.#bar.setAttribute("aria-valuenow", String(Math.round(this.#share * 100)));
    this.#tick();
  }

  end(): void {
    clearInterval(this.#clock);
    part("loading", HTMLElement).hidden = true;
  }

  #tick(): void {
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
    const megabytes = this.#bytes > 0 ? `${(this.#bytes / 1e6).toFixed(1)} MB, ` : "";
    this.#detail.textContent = `${megabytes}${seconds} s. Python runs in your browser; your drawings never leave it.`;
  }
}
