// Steps per second and the cost of observation: _training.py on CPython, in Pyodide under Node, in Pyodide in Chromium.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PYODIDE_DIR, PYTHON, ROOT } from "../../build/lib.mjs";
import { inChromium, inNode, serveFolders } from "./_pyodide.mjs";

const SCRIPT = join(ROOT, "tests", "bench", "_training.py");

const MEASURE = `async (folder, script) => {
  const { loadPyodide } = await import(folder + "pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: folder });
  await pyodide.loadPackage(["loom-py"], { messageCallback: () => {} });
  pyodide.globals.set("__name__", "bench");
  pyodide.runPython(script);
  return JSON.parse(pyodide.runPython("json.dumps(measure())"));
}`;

function onCPython() {
  // One BLAS thread: more would wait for each other on a busy machine, and a browser has one.
  const env = { ...process.env, PYTHONPATH: ROOT, OPENBLAS_NUM_THREADS: "1", OMP_NUM_THREADS: "1" };
  const done = spawnSync(PYTHON, [SCRIPT], { encoding: "utf8", env });
  const found = done.stdout.match(/RESULT(.*)/);
  if (!found) throw new Error(`CPython failed:\n${done.stderr}`);
  return JSON.parse(found[1]);
}

function show(host, shapes) {
  console.log(host.padEnd(50), " ms/step  steps/s     cost");
  for (const [shape, variants] of Object.entries(shapes)) {
    console.log(`  ${shape}`);
    for (const [name, ms] of Object.entries(variants)) {
      const cost = 100 * (ms / variants.unwatched - 1);
      const more = name === "unwatched" ? "" : `${cost < 0 ? "" : "+"}${cost.toFixed(0)} %`;
      const cells = [ms.toFixed(2), (1000 / ms).toFixed(0), more];
      console.log(`    ${name.padEnd(46)}${cells.map((cell) => cell.padStart(9)).join("")}`);
    }
  }
  return shapes;
}

const script = readFileSync(SCRIPT, "utf8");
const server = await serveFolders({ pyodide: PYODIDE_DIR });
const results = {
  cpython: show("CPython, one thread of BLAS", onCPython()),
  node: show("Pyodide under Node", inNode(MEASURE, `${PYODIDE_DIR}/`, script)),
  chromium: show("Pyodide in Chromium", await inChromium(server.url, MEASURE, `${server.url}pyodide/`, script)),
};
server.close();
if (process.argv.includes("--json")) {
  const rows = Object.entries(results).flatMap(([host, shapes]) =>
    Object.entries(shapes).flatMap(([shape, variants]) =>
      Object.entries(variants).map(([watched, ms]) => ({ case: `${shape}, ${watched}`, system: host, median_ms: ms })),
    ),
  );
  writeFileSync(process.argv[process.argv.indexOf("--json") + 1], JSON.stringify(rows));
}
