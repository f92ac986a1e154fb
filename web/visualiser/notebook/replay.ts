import { createDashboard } from "../dashboard";
import { el, setText } from "../draw/dom";
import { formatCount } from "../draw/format";
import { messageOf, type Recorded } from "./recorded";
import { withStyles } from "./styles";

/** Length of a replay at its usual speed, whatever the length of the run. */
const REPLAY_MS = 12_000;

/** A recorded run on the dashboard, from its first step to its last, with the findings about it. */
export function replay(container: HTMLElement, recorded: Recorded): { seek(frame: number): void; dispose(): void } {
  const { frames } = recorded;
  const last = frames.length - 1;
  const slider = el("input", { type: "range", min: 0, max: Math.max(last, 0), "aria-label": "Step of the run" });
  const play = el("button", { type: "button", class: "lv-play" }, "Replay");
  const where = el("output", { class: "lv-where" });
  const bar = el("div", { class: "lv-replay", role: "group", "aria-label": "Replay" }, play, slider, where);
  const charts = el("div");
  const page = el("div", { class: "lv-tokens lv-recording" }, heading(recorded), findings(recorded), bar, charts);
  container.append(withStyles(page));

  let shown = -1;
  let timer: number | undefined;
  const dashboard = createDashboard(charts, { clock: () => frames[shown]?.at ?? 0 });
  dashboard.push({ kind: "blueprint", blueprint: recorded.blueprint });

  const seek = (target: number): void => {
    if (target < shown) {
      dashboard.reset();
      shown = -1;
    }
    while (shown < target) {
      shown += 1;
      for (const message of frames[shown]?.messages ?? []) dashboard.push(messageOf(recorded, message));
    }
    slider.value = String(target);
    const steps = `step ${formatCount(frames[target]?.step ?? 0)} of ${formatCount(frames[last]?.step ?? 0)}`;
    slider.setAttribute("aria-valuetext", steps);
    setText(where, steps);
  };
  const stop = (): void => {
    if (timer !== undefined) cancelAnimationFrame(timer);
    timer = undefined;
    setText(play, shown < last ? "Play" : "Replay");
  };
  const start = (): void => {
    const first = shown < last ? shown : 0;
    const began = performance.now() - (first / Math.max(last, 1)) * REPLAY_MS;
    seek(first);
    setText(play, "Pause");
    const advance = (now: number): void => {
      seek(Math.max(Math.min(Math.floor(((now - began) / REPLAY_MS) * last), last), first));
      if (shown < last) timer = requestAnimationFrame(advance);
      else stop();
    };
    timer = requestAnimationFrame(advance);
  };
  play.addEventListener("click", () => (timer === undefined ? start() : stop()));
  slider.addEventListener("input", () => {
    seek(Number(slider.value));
    stop();
  });
  bar.hidden = last < 1;
  seek(last);
  return {
    seek,
    dispose() {
      stop();
      dashboard.dispose();
      page.parentElement?.remove();
    },
  };
}

function heading({ title, facts }: Recorded): HTMLElement {
  return el("header", {}, el("h1", {}, title), el("p", { class: "lv-note" }, facts.join(" · ")));
}

function findings({ findings }: Recorded): HTMLElement {
  const entries = findings.map(({ severity, cause, headline, text }) =>
    el("li", { "data-severity": severity, "data-consequence": cause !== null }, el("strong", {}, headline), ` ${text}`),
  );
  const list = el("section", { class: "lv-findings", "aria-label": "Findings" }, el("ul", {}, ...entries));
  list.hidden = entries.length === 0;
  return list;
}
