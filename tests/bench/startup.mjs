// How long until `import loom_py` is done: Pyodide as published against our folder, in Node and in Chromium.
//
// Every run is a fresh process or a fresh browser profile; the two folders take turns, so a busy moment hits both.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CACHE, PYODIDE_DIR, PYTHON, ROOT } from "../../build/lib.mjs";
import { inChromium, inNode, serveFolders } from "./_pyodide.mjs";

const FOLDERS = { stock: join(CACHE, "pyodide-stock"), ours: PYODIDE_DIR };
const RUNS = 7;
const PHASES = ["boot", "packages", "import", "total"];

// Crosses as text into Node and into the worker.
const MEASURE = `async (folder) => {
  const times = [performance.now()];
  const { loadPyodide } = await import(folder + "pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: folder });
  times.push(performance.now());
  await pyodide.loadPackage(["loom-py"], { messageCallback: () => {} });
  times.push(performance.now());
  pyodide.runPython("import numpy, loom_py");
  times.push(performance.now());
  const [boot, packages, imported] = times.slice(1).map((time, index) => time - times[index]);
  return { boot, packages, import: imported, total: times[3] - times[0] };
}`;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function compare(host, once) {
  const runs = { stock: [], ours: [] };
  for (let run = 0; run < RUNS; run++) {
    for (const which of Object.keys(runs)) runs[which].push(await once(which));
  }
  const result = {};
  for (const phase of PHASES) {
    const [stock, ours] = Object.values(runs).map((list) => median(list.map((times) => times[phase])));
    result[phase] = { stock_ms: stock, ours_ms: ours, ratio: stock / ours };
  }
  const cell = (value) => value.toFixed(0).padStart(8);
  console.log(`${host}, median of ${RUNS} in ms`.padEnd(50), "   stock     ours    ratio");
  for (const [phase, row] of Object.entries(result)) {
    console.log(`  ${phase.padEnd(48)}${cell(row.stock_ms)} ${cell(row.ours_ms)} ${row.ratio.toFixed(2).padStart(8)}`);
  }
  return result;
}

const made = spawnSync(PYTHON, [join(ROOT, "build", "assets.py"), "--stock"], { encoding: "utf8" });
if (made.status !== 0) throw new Error(made.stderr);
const server = await serveFolders(FOLDERS);
const results = {
  runs: RUNS,
  node: await compare(`Node ${process.versions.node}`, (which) => inNode(MEASURE, `${FOLDERS[which]}/`)),
  chromium: await compare("Chromium, module worker", (which) =>
    inChromium(server.url, MEASURE, `${server.url}${which}/`),
  ),
};
server.close();
if (process.argv.includes("--json")) {
  writeFileSync(process.argv[process.argv.indexOf("--json") + 1], JSON.stringify(results));
}
