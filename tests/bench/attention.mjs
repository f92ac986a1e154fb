// Attention with the matrix of scores in memory and without: on WASM in Chromium, on NumPy with one thread in CPython.
// Times are minima of several rounds in which both take turns.
//
//   npm run bench -- attention

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PYODIDE_DIR, PYTHON, probe, ROOT } from "../../build/lib.mjs";
import { ISOLATED, inChromium, serveFolders } from "./_pyodide.mjs";
import { figure } from "./_report.mjs";

const SCRIPT = join(ROOT, "tests", "bench", "_attention.py");

// Crosses as text into the worker.
const MEASURE = `async (folder, script) => {
  const { loadPyodide } = await import(folder + "pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: folder });
  await pyodide.loadPackage(["loom-py"], { messageCallback: () => {} });
  pyodide.FS.writeFile("/home/pyodide/_attention.py", script);
  return JSON.parse(pyodide.runPython(
    "import _attention; from loom_py.executors.wasm import WasmExecutor; _attention.measure(WasmExecutor())"));
}`;

/** A line of the table: times of both systems and memory, each kept and fused. */
function line(name, rows) {
  const of = (system) => rows.find((row) => row.case === name && row.system === system);
  const cells = ["wasm", "numpy"].flatMap((system) => {
    const [kept, fused] = [of(`${system} kept`), of(`${system} fused`)];
    return [figure(kept.min_ms), figure(fused.min_ms), (fused.min_ms / kept.min_ms).toFixed(2)];
  });
  return `| ${[name, ...cells, of("wasm kept").arena_kib, of("wasm fused").arena_kib].join(" | ")} |`;
}

const server = await serveFolders({ pyodide: PYODIDE_DIR }, ISOLATED);
const inPage = await inChromium(server.url, MEASURE, `${server.url}pyodide/`, readFileSync(SCRIPT, "utf8"));
server.close();
const done = probe(PYTHON, [SCRIPT], { env: { ...process.env, PYTHONPATH: ROOT, OPENBLAS_NUM_THREADS: "1" } });
if (!done.ok) throw new Error(done.stderr);
const rows = [...inPage, ...JSON.parse(done.stdout)];
console.log(`| positions | WASM kept, ms | fused | ratio | NumPy kept, ms | fused | ratio | kept, KiB | fused |
| --- | --: | --: | --: | --: | --: | --: | --: | --: |
${[...new Set(rows.map((row) => row.case))].map((name) => line(name, rows)).join("\n")}`);
const args = process.argv.slice(2);
if (args.includes("--json")) writeFileSync(args[args.indexOf("--json") + 1], JSON.stringify(rows));
