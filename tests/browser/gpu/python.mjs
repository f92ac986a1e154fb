// A worker with Pyodide, the package and the GPU, in which tests run any Python.

import { PageGPU } from "/bridge/gpu.ts";

self.onmessage = async ({ data: { code, files, index } }) => {
  try {
    const gpu = new PageGPU();
    const { loadPyodide } = await import(/* @vite-ignore */ `${index}pyodide.mjs`);
    const print = (line) => self.postMessage({ print: line });
    const pyodide = await loadPyodide({ indexURL: index, stdout: print, stderr: print, env: { HOME: "/loom" } });
    await pyodide.loadPackage(["numpy", "loom-py"], { messageCallback: () => {} });
    await gpu.register(pyodide);
    for (const file of files) {
      const archive = await (await fetch(file)).arrayBuffer();
      pyodide.unpackArchive(archive, "zip", { extractDir: "/loom" });
    }
    self.postMessage({ value: await pyodide.runPythonAsync(code) });
  } catch (error) {
    self.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
};
