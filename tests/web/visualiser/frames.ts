/**
 * Measures frames of the dashboard: `measureFrames(layers)` gives the milliseconds of each, without painting.
 *
 * A run is pushed step by step, so every frame has new data for every chart. The bench may substitute another
 * version of web/visualiser to compare the two.
 */
import { createDashboard } from "../../../web/visualiser";
import { grid, layer, makeRun, mlp } from "./generator";

declare global {
  interface Window {
    measureFrames(layers: number): Promise<number[]>;
  }
}

const STEPS_BEFORE = 1500;
const FRAMES = 300;

/** A network of `count` layers, alternately Dense and LayerNorm, in one cell. */
function deep(count: number) {
  const layers = Array.from({ length: count }, (_, at) =>
    at % 2 === 0
      ? layer(String(at), "Dense", [64, 64], { layer: at, activation: "relu" })
      : layer(String(at), "LayerNorm", [64, 64], { layer: at, num_params: 128 }),
  );
  return { ...mlp(), layers_per_cell: count, layers };
}

window.measureFrames = async (count) => {
  const app = document.createElement("div");
  document.body.replaceChildren(app);
  const times: number[] = [];
  const own = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (draw) =>
    own((now) => {
      const began = performance.now();
      draw(now);
      times.push(performance.now() - began);
    });
  const dashboard = createDashboard(app);
  const frame = () => new Promise((resolve) => own(resolve));
  const run = makeRun({ blueprint: count === 16 ? grid() : deep(count), steps: STEPS_BEFORE + FRAMES });
  let step = 0;
  for (const messages of run) {
    for (const message of messages) dashboard.push(message);
    if (++step > STEPS_BEFORE) await frame();
  }
  dashboard.dispose();
  window.requestAnimationFrame = own;
  return times.slice(-FRAMES);
};
