// What the passes over Programs gain: training steps on the WASM executor in Chromium, with passes off and on.
//
//   npm run bench -- passes            (npm run bench -- passes --write puts the table into docs/benchmarks.md)

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PYODIDE_DIR, ROOT } from "../../build/lib.mjs";
import { ISOLATED, inChromium, serveFolders } from "./_pyodide.mjs";
import { figure, PASSES, signed } from "./_report.mjs";

const FOLDER = join(ROOT, "tests", "bench");
const PAGE = join(ROOT, "docs", "benchmarks.md");
const SCRIPTS = ["_models.py", "_passes.py"].map((name) => [name, readFileSync(join(FOLDER, name), "utf8")]);
const DIGITS = [...readFileSync(join(ROOT, "web", "demo", "public", "digits.bin"))];
const MODELS = ["mlp-128", "mlp-32", "cnn-digits", "lstm", "transformer"];

// Crosses as text into the worker.
const MEASURE = `async (folder, scripts, models, digits) => {
  const { loadPyodide } = await import(folder + "pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: folder });
  await pyodide.loadPackage(["loom-py"], { messageCallback: () => {} });
  for (const [name, text] of scripts) pyodide.FS.writeFile("/home/pyodide/" + name, text);
  const passes = pyodide.pyimport("_passes");
  const bytes = pyodide.toPy(new Uint8Array(digits)).tobytes();
  return models.flatMap((name) => JSON.parse(passes.measure(name, bytes)));
}`;

function line(row, rows) {
  const none = rows.find((other) => other.case === row.case && other.system === "none");
  const gain = row === none ? "" : `${signed((row.median_ms / none.median_ms - 1) * 100, 1)} %`;
  const { instructions, dispatches, arena_kib } = row;
  const cells = [
    row.case,
    row.system,
    figure(row.median_ms),
    figure(row.min_ms),
    gain,
    instructions,
    dispatches,
    arena_kib,
  ];
  return `| ${cells.join(" | ")} |`;
}

const part = (rows) => `${PASSES}

Written by \`npm run bench -- passes --write\`. Before a Program runs, passes make its instructions fewer (\`loom_py/program/passes/\`);
results stay the same. Training steps on \`loom-wasm\` in one worker of Chromium, with no pass and with all, which take turns;
medians and minima of 60 rounds, and the median's change against none. Instructions: of the Program. Dispatches: what a GPU
is sent for it. Arena: what all values of a step take at a time.

| step | passes | median, ms | minimum, ms | against none | instructions | dispatches | arena, KiB |
| --- | --- | --: | --: | --: | --: | --: | --: |
${rows.map((row) => line(row, rows)).join("\n")}
`;

const server = await serveFolders({ pyodide: PYODIDE_DIR }, ISOLATED);
const rows = await inChromium(server.url, MEASURE, `${server.url}pyodide/`, SCRIPTS, MODELS, DIGITS);
server.close();
console.log(part(rows));
const args = process.argv.slice(2);
if (args.includes("--json")) writeFileSync(args[args.indexOf("--json") + 1], JSON.stringify(rows));
if (args.includes("--write")) {
  const [before] = readFileSync(PAGE, "utf8").split(`${PASSES}\n`);
  writeFileSync(PAGE, `${before.trimEnd()}\n\n${part(rows)}`);
}
