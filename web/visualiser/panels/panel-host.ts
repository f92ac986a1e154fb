import type { Span } from "../data/history";
import { RECENT_ROWS } from "../data/history";
import type { RunModel } from "../data/run-model";
import type { StatisticName } from "../draw/layer-statistics";
import { type Domain, niceStep } from "../draw/scale";
import type { Theme } from "../draw/theme";

/** Parts of the step axis that it grows by. */
const PARTS = 60;

/** What every panel draws from. */
export interface View {
  readonly model: RunModel;
  readonly theme: Theme;
  readonly span: Span;
  /** Step under the pointer or keyboard cursor; the same in every chart. */
  readonly cursor: number | undefined;
  readonly statistic: StatisticName;
  /** Time of the frame, milliseconds. */
  readonly now: number;
}

/** What panels may ask of the dashboard. */
export interface PanelHost {
  /** Draw again at the next frame. */
  invalidate(): void;
  setCursor(step: number | undefined): void;
  setSpan(span: Span): void;
  setStatistic(name: StatisticName): void;
}

export interface Panel {
  readonly element: HTMLElement;
  draw(view: View): void;
  dispose(): void;
}

/** The steps that charts show. */
export function stepDomain({ model, span }: Pick<View, "model" | "span">): Domain {
  const last = model.latest.step ?? 0;
  const run = model.trainLoss.view("run");
  const first = run.length > 0 ? Math.min(run.x(0), last) : 0;
  // The axes stand still for a while, then make room for some steps more.
  const stride = Math.max(1, niceStep((last - first) / PARTS));
  const end = last > first + PARTS ? Math.ceil(last / stride) * stride : last;
  const from = span === "recent" ? Math.max(first, end - RECENT_ROWS) : first;
  return end > from ? [from, end] : [from, from + 1];
}
