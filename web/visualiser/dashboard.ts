import type { Span } from "./data/history";
import type { ObservationMessage } from "./data/messages";
import { HALF_LIFE_STEPS, RunModel } from "./data/run-model";
import { el } from "./draw/dom";
import { formatNumber, formatPercent, formatTick } from "./draw/format";
import { type StatisticName, statistic } from "./draw/layer-statistics";
import { readTheme, type Theme } from "./draw/theme";
import { BannerPanel } from "./panels/banner";
import { CurvePanel } from "./panels/curve";
import { LayersPanel } from "./panels/layers";
import { NetworkPanel } from "./panels/network";
import { NumbersPanel } from "./panels/numbers";
import type { Panel, PanelHost } from "./panels/panel-host";
import { ReadoutPanel } from "./panels/readout";

/** A live dashboard of a training network, fed with observation messages. */
export interface Dashboard {
  /** Adds one message; its effect is drawn in the next frame. */
  push(message: ObservationMessage): void;
  /**
   * Sets the statistic that colours the network.
   *
   * @throws RangeError there is no statistic of that name.
   */
  setStatistic(name: StatisticName): void;
  /** Sets whether training is running; elapsed time stops while it is not. */
  setRunning(running: boolean): void;
  /** Clears the run; keeps the network and the settings. */
  reset(): void;
  /** Removes the dashboard from the page and frees its resources. */
  dispose(): void;
}

/** Least milliseconds between two frames where the user prefers reduced motion. */
const CALM_FRAME_MS = 250;

export interface DashboardOptions {
  /** Milliseconds by which speed and elapsed time are reckoned; for a run that is over, those of the recording. */
  readonly clock?: () => number;
}

export function createDashboard(container: HTMLElement, options: DashboardOptions = {}): Dashboard {
  const { clock = () => performance.now() } = options;
  const model = new RunModel();
  const grid = el("div", { class: "lv-grid" });
  const root = el("div", { class: "lv" }, grid);
  const motion = window.matchMedia("(prefers-reduced-motion: reduce)");
  const colours = window.matchMedia("(prefers-color-scheme: dark)");
  let span: Span = "run";
  let cursor: number | undefined;
  let chosen: StatisticName = "output_std";
  let running = true;
  let frame: number | undefined;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let theme: Theme | undefined;

  const draw = (now: number): void => {
    frame = undefined;
    if (motion.matches && now - drawnAt < CALM_FRAME_MS) {
      invalidate();
      return;
    }
    drawnAt = now;
    theme ??= readTheme(root);
    const view = { model, theme, span, cursor, statistic: chosen, now: clock() };
    for (const panel of panels) panel.draw(view);
  };
  const invalidate = (): void => {
    frame ??= requestAnimationFrame(draw);
  };
  const recolour = (): void => {
    theme = undefined;
    invalidate();
  };
  const host: PanelHost = {
    invalidate,
    setCursor: (step) => {
      cursor = step === undefined ? undefined : Math.min(step, model.latest.step ?? step); // the axis extends past the latest step
      invalidate();
    },
    setSpan: (next) => {
      span = next;
      invalidate();
    },
    setStatistic: (name) => {
      chosen = statistic(name).name;
      invalidate();
    },
  };
  const panels: readonly Panel[] = [
    new BannerPanel(invalidate),
    new ReadoutPanel(host),
    lossPanel(host),
    accuracyPanel(host),
    new NetworkPanel(host),
    new LayersPanel(host),
    new NumbersPanel(invalidate),
  ];
  grid.append(...panels.map((panel) => panel.element));
  container.append(root);
  colours.addEventListener("change", recolour);
  // Elapsed time is drawn between messages too.
  const ticks = setInterval(() => {
    if (running && model.latest.step !== undefined) invalidate();
  }, 500);
  invalidate();

  return {
    push(message) {
      model.push(message, clock());
      invalidate();
    },
    setStatistic: host.setStatistic,
    setRunning(next) {
      running = next;
      model.rate.setRunning(next, clock());
      invalidate();
    },
    reset() {
      model.clear();
      cursor = undefined;
      invalidate();
    },
    dispose() {
      if (frame !== undefined) cancelAnimationFrame(frame);
      clearInterval(ticks);
      colours.removeEventListener("change", recolour);
      for (const panel of panels) panel.dispose();
      root.remove();
    },
  };
}

function lossPanel(host: PanelHost): CurvePanel {
  const options = {
    title: "Loss",
    note: `Mean loss per sample; the strong line is smoothed with a half-life of ${HALF_LIFE_STEPS} steps.`,
    train: (model: RunModel) => model.trainLoss,
    validation: (model: RunModel) => model.validationLoss,
    format: (value: number) => formatNumber(value),
    formatTick,
    bounds: [0, Number.POSITIVE_INFINITY],
    logToggle: true,
  } as const;
  return new CurvePanel(options, host);
}

function accuracyPanel(host: PanelHost): CurvePanel {
  const options = {
    title: "Accuracy",
    note: `Share of samples classified correctly; the strong line is smoothed with a half-life of ${HALF_LIFE_STEPS} steps.`,
    train: (model: RunModel) => model.trainAccuracy,
    validation: (model: RunModel) => model.validationAccuracy,
    format: (value: number) => formatPercent(value),
    formatTick: (value: number) => formatPercent(value, 0),
    bounds: [0, 1],
    logToggle: false,
  } as const;
  return new CurvePanel(options, host);
}
