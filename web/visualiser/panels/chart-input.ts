import type { Scale } from "../draw/scale";
import type { PanelHost } from "./panel-host";

/** Step scale of the plot at a point of the canvas; undefined outside of plots. */
export type ScaleAt = (x: number, y: number) => Scale | undefined;

/**
 * Moves the shared cursor by pointer and by arrow keys (Home, End, Escape too).
 *
 * `scaleAt` is called at the time of the event, so it refers to the last drawn frame.
 */
export function followCursor(canvas: HTMLCanvasElement, host: PanelHost, scaleAt: ScaleAt): void {
  let step: number | undefined;
  const move = (to: number | undefined): void => {
    step = to;
    host.setCursor(to);
  };
  const point = (event: PointerEvent): void => {
    const scale = scaleAt(event.offsetX, event.offsetY);
    move(scale && clampTo(scale, Math.round(scale.invert(event.offsetX))));
  };
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("pointerleave", () => move(undefined));
  canvas.addEventListener("blur", () => move(undefined));
  canvas.addEventListener("keydown", (event) => {
    const scale = scaleAt(Number.NaN, Number.NaN);
    const next = scale && stepAfter(event, scale, step);
    if (event.key === "Escape") move(undefined);
    else if (scale && next !== undefined) move(clampTo(scale, next));
    else return;
    event.preventDefault();
  });
}

function stepAfter(event: KeyboardEvent, scale: Scale, step: number | undefined): number | undefined {
  const [from, to] = scale.domain;
  const stride = Math.max(1, Math.round((to - from) / (event.shiftKey ? 10 : 100)));
  if (event.key === "ArrowLeft") return (step ?? to) - stride;
  if (event.key === "ArrowRight") return (step ?? from) + stride;
  if (event.key === "Home") return from;
  if (event.key === "End") return to;
  return undefined;
}

function clampTo(scale: Scale, step: number): number {
  return Math.min(Math.max(step, scale.domain[0]), scale.domain[1]);
}
