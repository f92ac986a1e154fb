// Helpers of the bench's workers: answering calls from the page, and timing a block of runs.

import { callsOfRuns } from "./calls.mjs";

/** Answers `{ id, call, args }` by `{ id, value }` or `{ id, error }`; says first that the worker is up. */
export function serve(handlers) {
  addEventListener("message", async ({ data: { id, call, args } }) => {
    try {
      postMessage({ id, value: await handlers[call](...args) });
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error) });
    }
  });
  postMessage({ id: 0 });
}

const runs = new Map();

/** Remembers what `block` is to run for a case, and what waits until all of it is done. */
export const prepare = (name, run, finish = () => {}) => runs.set(name, { run, finish });

/** Milliseconds of one run of a case, the mean of `count`. */
export async function block(name, count) {
  const { run, finish } = runs.get(name);
  const began = performance.now();
  for (let i = 0; i < count; i++) await run();
  await finish();
  return (performance.now() - began) / count;
}

/** WebGPU calls of one run of a case, the mean of `count`. */
export const calls = (name, count) => callsOfRuns(block, name, count);

/** Labels as rows that are 1 at the label and 0 elsewhere. */
export function oneHot(labels, classes) {
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => {
    rows[row * classes + label] = 1;
  });
  return rows;
}
