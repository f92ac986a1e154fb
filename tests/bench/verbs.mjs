// Time of training steps by verb, on the WASM executor in Chromium.
//
//   npm run bench -- verbs        (all instructions one by one: node tests/bench/verbs.mjs --each mlp-128)

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PYODIDE_DIR, ROOT } from "../../build/lib.mjs";
import { MODELS } from "./_cases.mjs";
import { ISOLATED, inChromium, serveFolders } from "./_pyodide.mjs";

const FOLDER = join(ROOT, "tests", "bench");
const SCRIPTS = ["_models.py", "_verbs.py"].map((name) => [name, readFileSync(join(FOLDER, name), "utf8")]);
const DIGITS = [...readFileSync(join(ROOT, "web", "demo", "public", "digits.bin"))];

// Crosses as text into the worker.
const MEASURE = `async (folder, scripts, models, digits) => {
  const { loadPyodide } = await import(folder + "pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: folder });
  await pyodide.loadPackage(["loom-py"], { messageCallback: () => {} });
  for (const [name, text] of scripts) pyodide.FS.writeFile("/home/pyodide/" + name, text);
  const verbs = pyodide.pyimport("_verbs");
  const bytes = pyodide.toPy(new Uint8Array(digits)).tobytes();
  return models.map((name) => [name, JSON.parse(verbs.profile(name, bytes))]);
}`;

const cells = (...values) => values.map((value) => value.padStart(10)).join("");
const rateOf = (flops, us) => (flops > 1e5 && us > 0 ? (flops / us / 1e3).toFixed(1) : "");

function show(name, { step, python, program, call, rows }, each) {
  const total = rows.reduce((sum, { us }) => sum + us, 0);
  const parts = `the Program in one call ${program.toFixed(0)} µs, Python ${python.toFixed(0)} µs`;
  console.log(`${name}: a step ${step.toFixed(0)} µs, ${parts}`);
  console.log(`  ${"".padEnd(68)}${cells("µs", "share", "GFLOP/s", "times")}`);
  const groups = new Map();
  for (const row of rows) {
    const key = each ? `${row.phase}: ${row.verb} ${row.shapes}` : row.verb;
    const group = groups.get(key) ?? { us: 0, flops: 0, count: 0, covered: row.covered };
    groups.set(key, { ...group, us: group.us + row.us, flops: group.flops + row.flops, count: group.count + 1 });
  }
  for (const [key, { us, flops, count, covered }] of [...groups].sort(([, a], [, b]) => b.us - a.us)) {
    const words = `${key}${covered ? "" : " (NumPy)"}`.slice(0, 67);
    const share = `${((100 * us) / total).toFixed(1)} %`;
    console.log(`  ${words.padEnd(68)}${cells(us.toFixed(1), share, rateOf(flops, us), String(count))}`);
  }
  console.log(`  an empty call takes ${call.toFixed(1)} µs, which is subtracted\n`);
}

const server = await serveFolders({ pyodide: PYODIDE_DIR }, ISOLATED);
const named = process.argv.slice(2).filter((name) => MODELS.includes(name));
const models = named.length ? named : MODELS;
const found = await inChromium(server.url, MEASURE, `${server.url}pyodide/`, SCRIPTS, models, DIGITS);
server.close();
for (const [name, result] of found) show(name, result, process.argv.includes("--each"));
if (process.argv.includes("--json")) {
  const rows = found.flatMap(([name, times]) =>
    ["step", "program", "python"].map((part) => ({
      case: `${name}, ${part}`,
      system: "loom-wasm",
      median_ms: times[part] / 1e3,
    })),
  );
  writeFileSync(process.argv[process.argv.indexOf("--json") + 1], JSON.stringify(rows));
}
