import { RECENT_ROWS } from "../data/history";
import type { RunModel } from "../data/run-model";
import { el, setText, toggleButton } from "../draw/dom";
import { ABSENT, formatCount, formatNumber, formatPercent, formatSeconds, formatTick } from "../draw/format";
import type { Panel, PanelHost, View } from "./panel-host";

interface Figure {
  readonly label: string;
  readonly text: (model: RunModel, now: number) => string;
}

const FIGURES: readonly Figure[] = [
  { label: "Step", text: ({ latest }) => (latest.step === undefined ? ABSENT : formatCount(latest.step)) },
  { label: "Epoch", text: ({ latest }) => (latest.epoch === undefined ? ABSENT : formatCount(latest.epoch + 1)) },
  { label: "Validation acc.", text: ({ latest }) => formatPercent(latest.validationAccuracy) },
  { label: "Steps / s", text: ({ rate }) => formatNumber(rate.stepsPerSecond()) },
  { label: "Samples / s", text: ({ latest }) => formatSamples(latest.samplesPerSecond) },
  {
    label: "Elapsed",
    text: ({ rate, latest }, now) => formatSeconds(latest.step === undefined ? undefined : rate.elapsedSeconds(now)),
  },
  { label: "Remaining", text: ({ latest }) => formatSeconds(latest.etaSeconds) },
  { label: "Learning rate", text: ({ latest }) => formatRate(latest.learningRate) },
];

function formatSamples(rate: number | undefined): string {
  return rate === undefined ? ABSENT : formatCount(rate);
}

/** Rounded to five digits: 0.003 crosses as float32, which has more digits than were typed. */
function formatRate(rate: number | undefined): string {
  return rate === undefined ? ABSENT : formatTick(Number(rate.toPrecision(5)));
}

/** Key figures of the run: progress, speed and remaining time. */
export class ReadoutPanel implements Panel {
  readonly element: HTMLElement;
  readonly #values: readonly HTMLElement[];

  constructor(host: PanelHost) {
    this.#values = FIGURES.map(() => el("dd", {}, ABSENT));
    const pairs = FIGURES.map(({ label }, index) =>
      el("div", {}, el("dt", {}, label), this.#values[index] ?? el("dd")),
    );
    const recent = toggleButton(`Last ${RECENT_ROWS} steps`, false, (pressed) =>
      host.setSpan(pressed ? "recent" : "run"),
    );
    this.element = el(
      "section",
      { class: "lv-readout", "aria-label": "Key figures of the run" },
      el("dl", {}, ...pairs),
      recent,
    );
  }

  draw({ model, now }: View): void {
    FIGURES.forEach(({ text }, index) => {
      const value = this.#values[index];
      if (value) setText(value, text(model, now));
    });
  }

  dispose(): void {}
}
