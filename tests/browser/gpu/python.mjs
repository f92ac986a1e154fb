// A worker with Pyodide, the package and the GPU, in which tests run Python code.

import { PageGPU } from "/bridge/gpu.ts";
import { GPUHost } from "/gpu/index.ts";

/** Number of calls of each method of the host by Python. */
const calls = {};
const METHODS = [
  "resize",
  "clear",
  "write",
  "read",
  "load",
  "unload",
  "run",
  "arrived",
  "report",
  "forget",
  "counters",
];
for (const name of METHODS) {
  const method = GPUHost.prototype[name];
  calls[name] = 0;
  GPUHost.prototype[name] = function (...args) {
    calls[name] += 1;
    return method.apply(this, args);
  };
}

self.onmessage = async ({ data: { code, files, index } }) => {
  try {
    const gpu = new PageGPU();
    const { loadPyodide } = await import(/* @vite-ignore */ `${index}pyodide.mjs`);
    const print = (line) => self.postMessage({ print: line });
    const pyodide = await loadPyodide({ indexURL: index, stdout: print, stderr: print, env: { HOME: "/loom" } });
    await pyodide.loadPackage(["numpy", "loom-py"], { messageCallback: () => {} });
    await gpu.register(pyodide);
    pyodide.registerJsModule("test_calls", { calls });
    for (const file of files) {
      const archive = await (await fetch(file)).arrayBuffer();
      pyodide.unpackArchive(archive, "zip", { extractDir: "/loom" });
    }
    const value = await pyodide.runPythonAsync(code);
    self.postMessage({ value: value?.toJs ? value.toJs({ dict_converter: Object.fromEntries }) : value });
  } catch (error) {
    self.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
};
