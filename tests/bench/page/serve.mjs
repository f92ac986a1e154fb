// What the workers of the bench share: answering calls from the page, and timing a block of runs.

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

/** Remembers what `block` is to run for a case. */
export const prepare = (name, run) => runs.set(name, run);

/** Milliseconds of one run of a case, the mean of `count`. */
export async function block(name, count) {
  const run = runs.get(name);
  const began = performance.now();
  for (let i = 0; i < count; i++) await run();
  return (performance.now() - began) / count;
}

/** Labels as rows that are 1 at the label and 0 elsewhere. */
export function oneHot(labels, classes) {
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => {
    rows[row * classes + label] = 1;
  });
  return rows;
}
