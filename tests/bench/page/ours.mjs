// A worker that holds Pyodide: our executors, and NumPy alone; in the worker named "webgpu" with the GPU of the page.

import { callsOfRuns } from "./calls.mjs";
import { serve } from "./serve.mjs";

const MODULES = ["_models.py", "_ours.py"];
const gpu = name === "webgpu" ? await openCounted() : undefined;

const folder = `${location.origin}/pyodide/`;
const { loadPyodide } = await import(`${folder}pyodide.mjs`);
const pyodide = await loadPyodide({ indexURL: folder });
await pyodide.loadPackage(["loom-py"], { messageCallback: () => {} });
await gpu?.page.register(pyodide);
for (const file of MODULES) {
  pyodide.FS.writeFile(`/home/pyodide/${file}`, await (await fetch(`/bench/${file}`)).text());
}
const ours = pyodide.pyimport("_ours");
const digits = pyodide.toPy(new Uint8Array(await (await fetch("/demo/digits.bin")).arrayBuffer())).tobytes();

/** The GPU as the bridge opens it; calls from Python are counted, and the time inside `run` taken. */
async function openCounted() {
  const { PageGPU, openGPU } = await import("/built/gpu.js");
  const seen = { crossings: {}, run_ms: 0, adapter: "" };
  const open = async () => {
    const host = await openGPU();
    if ("reason" in host) throw new Error(host.reason);
    seen.adapter = host.adapter.name;
    for (const method of ["run", "arrived", "report", "read", "write", "clear", "resize", "load", "unload"]) {
      const original = host[method].bind(host);
      host[method] = (...args) => {
        seen.crossings[method] = (seen.crossings[method] ?? 0) + 1;
        if (method !== "run") return original(...args);
        const began = performance.now();
        const ticket = original(...args);
        seen.run_ms += performance.now() - began;
        return ticket;
      };
    }
    return host;
  };
  return { page: new PageGPU(open), seen };
}

/** Calls a function of Python; with the GPU Python may have to wait, which takes a promise. */
const call = (fn, ...args) => (gpu ? fn.callPromising(...args) : fn(...args));

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

const block = (name, count, system) => call(ours.block, name, system, count);

serve({
  block,
  startMatmul: async (name, system, extents) =>
    taken(await call(ours.start_matmul, name, system, pyodide.toPy(extents))),
  startTraining: async (name, system) => plain(await call(ours.start_training, name, system, digits)),
  uncovered: () => JSON.parse(ours.uncovered_text()),
  adapter: () => gpu.seen.adapter,
  async calls(name, count, system) {
    Object.assign(gpu.seen, { crossings: {}, run_ms: 0 });
    const asked = await callsOfRuns(block, name, count, system);
    const crossings = Object.fromEntries(
      Object.entries(gpu.seen.crossings).map(([key, times]) => [key, times / count]),
    );
    return { ...asked, crossings, run_ms: gpu.seen.run_ms / count };
  },
  factors: (extents) => ours.factors(pyodide.toPy(extents)).toJs({ depth: 1 }).map(taken),
  material: (name) => {
    const { paths, arrays, x, y, classes, rate } = ours.material(name, digits);
    const names = plain(paths);
    const parameters = Object.fromEntries(names.map((path, index) => [path, taken(arrays.get(index))]));
    return { parameters, x: taken(x), y: taken(y), classes, rate };
  },
});
