// Gain of the passes over Programs: training steps on the WASM executor in Chromium, with passes off and on.
//
//   npm run bench -- passes            (npm run bench -- passes --write writes the table into docs/benchmarks.md)

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PYODIDE_DIR, ROOT } from "../../build/lib.mjs";
import { ISOLATED, inChromium, serveFolders } from "./_pyodide.mjs";
import { figure, PASSES, signed } from "./_report.mjs";

const FOLDER = join(ROOT, "tests", "bench");
const PAGE = join(ROOT, "docs", "benchmarks.md");
const SCRIPTS = ["_models.py", "_passes.py"].map((name) => [name, readFileSync(join(FOLDER, name), "utf8")]);
const DIGITS = [...readFileSync(join(ROOT, "web", "demo", "public", "digits.bin"))];
const MODELS = ["mlp-128", "mlp-32", "cnn-digits", "cnn-norms", "lstm", "transformer"];

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
  const gain = row === none ? "" : `${signed((row.min_ms / none.min_ms - 1) * 100, 1)} %`;
  const { instructions, dispatches, inference_dispatches, arena_kib } = row;
  const cells = [
    row.case,
    row.system,
    figure(row.median_ms),
    figure(row.min_ms),
    gain,
    instructions,
    dispatches,
    inference_dispatches,
    arena_kib,
  ];
  return `| ${cells.join(" | ")} |`;
}

/** Effect of all passes together on minima. */
function summary(rows) {
  const of = (system) => rows.filter((row) => row.system === system);
  const none = (row) => of("none").find((other) => other.case === row.case);
  const changes = (system, key) => of(system).map((row) => (row[key] / none(row)[key] - 1) * 100);
  const range = (found) => `${signed(Math.min(...found), 1)} to ${signed(Math.max(...found), 1)} %`;
  const times = `Times change by ${range(changes("all", "min_ms"))}, by noise alone ${range(changes("none again", "min_ms"))}`;
  const sent = `dispatches by ${range(changes("all", "dispatches"))} for a step`;
  return `${times}; ${sent}\nand by ${range(changes("all", "inference_dispatches"))} for inference.`;
}

const part = (rows) => `${PASSES}

Written by \`npm run bench -- passes --write\`. Before a Program runs, passes fuse its instructions
(\`loom_py/program/passes/\`); NumPy's results stay the same to the bit. \`chains\`: a sequence of elementwise instructions, each the
only reader of the one before, becomes one. \`epilogues\`: a matrix product applies the activation that is its only reader.
Training steps on \`loom-wasm\` in one worker of Chromium take turns: medians and minima of 60 rounds, and the minimum's change
against \`none\`; \`none again\` repeats \`none\`, so its change is noise. Instructions and arena (memory for the values of a step):
of the step's Program. Dispatches: sent to a GPU for a step, and for inference. \`cnn-norms\`: two convolutions with
BatchNorm and SiLU on 8×8 digits at batch 128; the other models are those above.

${summary(rows)}

| step | passes | median, ms | minimum, ms | against none | instructions | dispatches | of inference | arena, KiB |
| --- | --- | --: | --: | --: | --: | --: | --: | --: |
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
