// The worker that holds Pyodide: our executors, and NumPy alone.

import { serve } from "./serve.mjs";

const MODULES = ["_models.py", "_ours.py"];

const folder = `${location.origin}/pyodide/`;
const { loadPyodide } = await import(`${folder}pyodide.mjs`);
const pyodide = await loadPyodide({ indexURL: folder });
await pyodide.loadPackage(["loom-py"], { messageCallback: () => {} });
for (const name of MODULES) {
  pyodide.FS.writeFile(`/home/pyodide/${name}`, await (await fetch(`/bench/${name}`)).text());
}
const ours = pyodide.pyimport("_ours");
const digits = pyodide.toPy(new Uint8Array(await (await fetch("/demo/digits.bin")).arrayBuffer())).tobytes();

/** A NumPy array as a typed array with its shape; what is given is let go. */
function taken(array) {
  const view = array.getBuffer();
  const copy = { data: view.data.slice(), shape: [...view.shape] };
  view.release();
  array.destroy();
  return copy;
}

function plain(proxy) {
  const value = proxy.toJs();
  proxy.destroy();
  return value;
}

serve({
  startMatmul: (name, system, extents) => taken(ours.start_matmul(name, system, pyodide.toPy(extents))),
  startTraining: (name, system) => plain(ours.start_training(name, system, digits)),
  block: (name, count, system) => ours.block(name, system, count),
  uncovered: () => JSON.parse(ours.uncovered_text()),
  factors: (extents) => ours.factors(pyodide.toPy(extents)).toJs({ depth: 1 }).map(taken),
  material: (name) => {
    const { paths, arrays, x, y, classes, rate } = ours.material(name, digits);
    const names = plain(paths);
    const parameters = Object.fromEntries(names.map((path, index) => [path, taken(arrays.get(index))]));
    return { parameters, x: taken(x), y: taken(y), classes, rate };
  },
});
