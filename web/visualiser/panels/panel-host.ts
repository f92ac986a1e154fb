import type { Span } from "../data/history";
import { RECENT_ROWS } from "../data/history";
import type { RunModel } from "../data/run-model";
import type { StatisticName } from "../draw/layer-statistics";
import { type Domain, niceStep } from "../draw/scale";
import type { Theme } from "../draw/theme";

/** The step axis grows by one part in this many. */
const PARTS = 60;

/** Input of every panel for one frame. */
export interface View {
  readonly model: RunModel;
  readonly theme: Theme;
  readonly span: Span;
  /** Step under the pointer or keyboard cursor; the same in every chart. */
  readonly cursor: number | undefined;
  readonly statistic: StatisticName;
  /** Time of the frame in milliseconds. */
  readonly now: number;
}

/** Actions of the dashboard that panels may call. */
export interface PanelHost {
  /** Requests a redraw in the next frame. */
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

/** Range of steps in the charts. */
export function stepDomain({ model, span }: Pick<View, "model" | "span">): Domain {
  const last = model.latest.step ?? 0;
  const run = model.trainLoss.view("run");
  const first = run.length > 0 ? Math.min(run.x(0), last) : 0;
  // The axis grows in strides, so that it does not move in every frame.
  const stride = Math.max(1, niceStep((last - first) / PARTS));
  const end = last > first + PARTS ? Math.ceil(last / stride) * stride : last;
  const from = span === "recent" ? Math.max(first, end - RECENT_ROWS) : first;
  return end > from ? [from, end] : [from, from + 1];
}
