// How long until `import loom_py` is done: Pyodide as published against our folder, in Node and in Chromium.
//
// Every run is a fresh process or a fresh browser profile; the two folders take turns, so a busy moment hits both.

import { spawnSync } from "node:child_process";
import { createReadStream, existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "@playwright/test";
import { CHROMIUM_FLAGS, chromiumPath } from "../../build/chromium.mjs";
import { CACHE, PYODIDE_DIR, PYTHON, ROOT } from "../../build/lib.mjs";

const FOLDERS = { stock: join(CACHE, "pyodide-stock"), ours: PYODIDE_DIR };
const RUNS = 7;
const PHASES = ["boot", "packages", "import", "total"];
const TYPES = {
  ".mjs": "text/javascript",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
  ".html": "text/html",
};

// Runs as a module in Node and in a worker alike.
const MEASURE = `
async function measure(folder) {
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

function inNode(folder) {
  const code = `${MEASURE}\nconsole.log("RESULT" + JSON.stringify(await measure(${JSON.stringify(`${folder}/`)})));`;
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
  const found = done.stdout.match(/RESULT(.*)/);
  if (!found) throw new Error(`Node could not load ${folder}:\n${done.stderr.slice(-2000)}`);
  return JSON.parse(found[1]);
}

/** Serves both folders, an empty page and the worker that measures; gives back the address. */
async function serve() {
  const worker = `${MEASURE}\nonmessage = async ({ data }) => postMessage(await measure(data));`;
  const server = createServer((request, response) => {
    const [, root, name = ""] = request.url.split("?")[0].split("/");
    const file = FOLDERS[root] && join(FOLDERS[root], name);
    if (request.url === "/worker.mjs") return response.setHeader("Content-Type", TYPES[".mjs"]).end(worker);
    if (!file || !existsSync(file)) return response.setHeader("Content-Type", TYPES[".html"]).end("<!doctype html>");
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    response.setHeader("Content-Length", statSync(file).size);
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

async function inChromium(url, which) {
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    const ask = (folder) =>
      new Promise((resolve, reject) => {
        const worker = new Worker("/worker.mjs", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage(folder);
      });
    return await page.evaluate(ask, `${url}${which}/`);
  } finally {
    await browser.close();
  }
}

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
  console.log(`${host}, median of ${RUNS} in ms`.padEnd(34), "   stock     ours    ratio");
  for (const [phase, row] of Object.entries(result)) {
    console.log(`  ${phase.padEnd(32)}${cell(row.stock_ms)} ${cell(row.ours_ms)} ${row.ratio.toFixed(2).padStart(8)}`);
  }
  return result;
}

const made = spawnSync(PYTHON, [join(ROOT, "build", "assets.py"), "--stock"], { encoding: "utf8" });
if (made.status !== 0) throw new Error(made.stderr);
const server = await serve();
const results = {
  runs: RUNS,
  node: await compare(`Node ${process.versions.node}`, (which) => inNode(FOLDERS[which])),
  chromium: await compare("Chromium, module worker", (which) => inChromium(server.url, which)),
};
server.close();
const target = process.argv[process.argv.indexOf("--json") + 1];
if (process.argv.includes("--json")) writeFileSync(target, JSON.stringify(results));
