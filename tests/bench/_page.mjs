// Runs groups of entries in one page of one Chromium: each system in a worker of its own, all taking turns.

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import { build } from "vite";
import { CHROMIUM_FLAGS, chromiumPath } from "../../build/chromium.mjs";
import { CACHE, PYODIDE_DIR, ROOT } from "../../build/lib.mjs";
import { ISOLATED, serveFolders } from "./_pyodide.mjs";

const modules = (name) => join(ROOT, "node_modules", name, "dist");
const FOLDERS = {
  bench: join(ROOT, "tests", "bench"),
  demo: join(ROOT, "web", "demo", "public"),
  pyodide: PYODIDE_DIR,
  tfjs: join(CACHE, "bench"),
  "tfjs-wasm": modules("@tensorflow/tfjs-backend-wasm"),
  jax: modules("@jax-js/jax"),
};
const THREADS = String(Math.max(2, availableParallelism()));
/** The file of each worker, and its name: how many threads it may use. */
const WORKERS = {
  loom: ["ours.mjs", "1"],
  "tfjs-wasm": ["tfjs.mjs", "1"],
  "tfjs-wasm-threads": ["tfjs.mjs", THREADS],
  "jax-wasm": ["jax.mjs", "1"],
  "jax-wasm-threads": ["jax.mjs", THREADS],
  "fma-ceiling": ["ceiling.mjs", "1"],
};

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};

async function measureGroup(page, { entries, tolerance }) {
  const states = await page.evaluate(
    ([list, allowed]) => globalThis.bench.prepare(list, allowed),
    [entries, tolerance],
  );
  const running = states.filter(({ failure }) => failure === undefined);
  const times = await page.evaluate((list) => globalThis.bench.measure(list), running);
  return states.map((state) => {
    const { name, system, extents, loss, failure, absent } = state;
    const row = { case: name, system, ...(extents && { extents }), ...(loss !== undefined && { loss }) };
    if (failure !== undefined) return { ...row, failure, absent: absent ?? false };
    const taken = times[running.indexOf(state)];
    return { ...row, median_ms: median(taken), min_ms: Math.min(...taken), runs: taken.length };
  });
}

/** TensorFlow.js as one file: its packages name each other, which a worker can't resolve. Not minified, since its
 * threads are started from the text of one of its functions. */
async function bundleTfjs() {
  const entry = join(ROOT, "tests", "bench", "_tfjs.mjs");
  const lib = { entry, formats: ["es"], fileName: () => "tfjs.js" };
  const output = { lib, outDir: FOLDERS.tfjs, emptyOutDir: true, minify: false, target: "es2022" };
  await build({ configFile: false, publicDir: false, logLevel: "error", build: output });
}

/** Rows of results, group by group as `tell` gets them; Chromium's version; verbs left to NumPy by case. */
export async function measureInPage(groups, tell) {
  await bundleTfjs();
  const server = await serveFolders(FOLDERS, ISOLATED);
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.error(error.message));
    await page.goto(server.url);
    await page.addScriptTag({ url: "/bench/page/main.mjs", type: "module" });
    for (const [name, file] of Object.entries(WORKERS)) {
      await page.evaluate(([key, value]) => globalThis.bench.open(key, value), [name, file]);
    }
    const rows = [];
    for (const group of groups) {
      const found = await measureGroup(page, group);
      rows.push(...found);
      tell(found);
    }
    const uncovered = await page.evaluate(() => globalThis.bench.uncovered());
    return { rows, uncovered, browser: `Chromium ${browser.version().split(".")[0]}` };
  } finally {
    await browser.close();
    server.close();
  }
}
