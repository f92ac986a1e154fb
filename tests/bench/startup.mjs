// Start-up time: Pyodide as published with our plain wheel, against our folder, where both are compiled and thinned
// (build/assets.py). Measured until the session answers, in Node and in Chromium; and for the demo's page until "Ready",
// on the first and on a later visit.
//
// Every run is a fresh process or a fresh browser profile; the two folders take turns, so a busy moment affects both.
// Later imports (layers, observers, evaluation) are in neither; building and running a network is in the page's time.

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "@playwright/test";
import { build } from "vite";
import { CHROMIUM_FLAGS, chromiumPath } from "../../build/chromium.mjs";
import { CACHE, PYODIDE_DIR, PYTHON, ROOT } from "../../build/lib.mjs";
import { inChromium, inNode, serveFolders } from "./_pyodide.mjs";

const FOLDERS = { stock: join(CACHE, "pyodide-stock"), ours: PYODIDE_DIR };
const RUNS = 7;
/** Length of a visit: browsers keep compiled WebAssembly for the next visit once the page is idle. */
const STAY_MS = 3000;

// Crosses as text into Node and into the worker.
const MEASURE = `async (folder) => {
  const times = [performance.now()];
  const lap = () => times.push(performance.now());
  const { loadPyodide } = await import(folder + "pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: folder });
  lap();
  await pyodide.loadPackage(["loom-py"], { messageCallback: () => {} });
  lap();
  pyodide.runPython("import numpy");
  lap();
  pyodide.pyimport("loom_py.session").serve(() => {});
  lap();
  const [boot, packages, numpy, session] = times.slice(1).map((time, index) => time - times[index]);
  return { boot, packages, numpy, session, total: times[4] - times[0] };
}`;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function compare(host, once) {
  const runs = { stock: [], ours: [] };
  for (let run = 0; run < RUNS; run++) {
    for (const which of Object.keys(runs)) runs[which].push(await once(which));
  }
  const cell = (value) => value.toFixed(0).padStart(8);
  console.log(`${host}, median of ${RUNS} in ms`.padEnd(50), "   stock     ours    ratio");
  const result = {};
  for (const phase of Object.keys(runs.ours[0])) {
    const [stock, ours] = Object.values(runs).map((list) => median(list.map((times) => times[phase])));
    result[phase] = { stock_ms: stock, ours_ms: ours, ratio: stock / ours };
    console.log(`  ${phase.padEnd(48)}${cell(stock)} ${cell(ours)} ${(stock / ours).toFixed(2).padStart(8)}`);
  }
  return result;
}

/** The built demo, once with each folder as its pyodide/. */
async function buildPages(folder) {
  const outDir = join(folder, "ours");
  await build({ configFile: join(ROOT, "vite.config.ts"), logLevel: "error", build: { outDir } });
  const stock = join(folder, "stock");
  cpSync(outDir, stock, { recursive: true });
  rmSync(join(stock, "pyodide"), { recursive: true });
  cpSync(FOLDERS.stock, join(stock, "pyodide"), { recursive: true });
  return { ours: outDir, stock };
}

/** Opens the page; returns milliseconds to its first paint and to its "Ready", by the page's own clock. */
async function visit(context, url) {
  const page = await context.newPage();
  await page.addInitScript(() => {
    const look = () => {
      if (document.getElementById("state")?.textContent === "Ready") globalThis.readyAt ??= performance.now();
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await page.goto(url);
  await page.waitForFunction(() => globalThis.readyAt !== undefined, undefined, { polling: 100 });
  const times = await page.evaluate(() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
    ready: globalThis.readyAt,
  }));
  await sleep(STAY_MS);
  await page.close();
  return times;
}

/** Two visits: with a fresh profile, then with the browser restarted. */
async function visits(url) {
  const profile = mkdtempSync(join(tmpdir(), "visitor-"));
  const times = [];
  for (let i = 0; i < 2; i++) {
    const options = { executablePath: chromiumPath(), args: CHROMIUM_FLAGS };
    const context = await chromium.launchPersistentContext(profile, options);
    times.push(await visit(context, url));
    await context.close();
  }
  rmSync(profile, { recursive: true });
  const [first, again] = times;
  return { "first visit, first paint": first.paint, "first visit, ready": first.ready, "again, ready": again.ready };
}

const made = spawnSync(PYTHON, [join(ROOT, "build", "assets.py"), "--stock"], { encoding: "utf8" });
if (made.status !== 0) throw new Error(made.stderr);
const folder = mkdtempSync(join(tmpdir(), "pages-"));
const engines = await serveFolders(FOLDERS);
const pages = await serveFolders(await buildPages(folder));
const results = {
  runs: RUNS,
  node: await compare(`Node ${process.versions.node}, until the session answers`, (which) =>
    inNode(MEASURE, `${FOLDERS[which]}/`),
  ),
  chromium: await compare("Chromium, module worker, until the session answers", (which) =>
    inChromium(engines.url, MEASURE, `${engines.url}${which}/`),
  ),
  page: await compare("Chromium, the demo's page", (which) => visits(`${pages.url}${which}/`)),
};
engines.close();
pages.close();
rmSync(folder, { recursive: true });
if (process.argv.includes("--json")) {
  writeFileSync(process.argv[process.argv.indexOf("--json") + 1], JSON.stringify(results));
}
