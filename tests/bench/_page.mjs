// Runs groups of entries in one page of one Chromium: each system in a worker of its own, all taking turns.

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import { build } from "vite";
import { CHROMIUM_FLAGS, chromiumPath } from "../../build/chromium.mjs";
import { CACHE, PYODIDE_DIR, ROOT } from "../../build/lib.mjs";
import { WEBGPU } from "./_cases.mjs";
import { ISOLATED, serveFolders } from "./_pyodide.mjs";

const modules = (name) => join(ROOT, "node_modules", name, "dist");
/** The folder of the bundles that the page and Node load. */
export const BUILT = join(CACHE, "bench");
const FOLDERS = {
  bench: join(ROOT, "tests", "bench"),
  demo: join(ROOT, "web", "demo", "public"),
  pyodide: PYODIDE_DIR,
  built: BUILT,
  "tfjs-wasm": modules("@tensorflow/tfjs-backend-wasm"),
  jax: modules("@jax-js/jax"),
};
const THREADS = String(Math.max(2, availableParallelism()));
/** The file and the name of each worker; the name has the number of its threads, or that it uses the GPU. */
const WORKERS = {
  loom: ["ours.mjs", "1"],
  "tfjs-wasm": ["tfjs.mjs", "1"],
  "tfjs-wasm-threads": ["tfjs.mjs", THREADS],
  "jax-wasm": ["jax.mjs", "1"],
  "jax-wasm-threads": ["jax.mjs", THREADS],
  "fma-ceiling": ["ceiling.mjs", "1"],
  "loom-webgpu": ["ours.mjs", WEBGPU],
  "tfjs-webgpu": ["tfjs.mjs", WEBGPU],
  "jax-webgpu": ["jax.mjs", WEBGPU],
};

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};

async function measureGroup(page, group) {
  const states = await page.evaluate((given) => globalThis.bench.prepare(given), group);
  const running = states.filter(({ failure }) => failure === undefined);
  const times = await page.evaluate(([list, pace]) => globalThis.bench.measure(list, pace), [running, group.pace]);
  const isGPU = group.on === WEBGPU;
  const calls = isGPU ? await page.evaluate((list) => globalThis.bench.calls(list), running) : [];
  return states.map((state) => {
    const { name, system, extents, loss, failure, absent } = state;
    const row = {
      case: name,
      system,
      ...(isGPU && { on: WEBGPU }),
      ...(extents && { extents }),
      ...(loss !== undefined && { loss }),
    };
    if (failure !== undefined) return { ...row, failure, absent: absent ?? false };
    const at = running.indexOf(state);
    const taken = times[at];
    const figures = { median_ms: median(taken), min_ms: Math.min(...taken), runs: taken.length };
    return { ...row, ...figures, ...(isGPU && { calls: calls[at] }) };
  });
}

/** TensorFlow.js and our GPU as one file each: packages name each other, and TypeScript is none that a worker reads. Not
 * minified, since the threads of the former are started from the text of one of its functions. */
export async function bundle() {
  const entries = { tfjs: "_tfjs.mjs", gpu: "_gpu.mjs" };
  for (const [index, [name, file]] of Object.entries(entries).entries()) {
    const entry = join(ROOT, "tests", "bench", file);
    const lib = { entry, formats: ["es"], fileName: () => `${name}.js` };
    const output = { lib, outDir: BUILT, emptyOutDir: index === 0, minify: false, target: "es2022" };
    await build({ configFile: false, publicDir: false, logLevel: "error", build: output });
  }
}

/** The workers that a group needs; "loom" gives all their numbers. */
const workersOf = ({ entries }) => ["loom", ...entries.map(({ system }) => system).filter((name) => name in WORKERS)];

/** Rows of results, group by group as `tell` gets them; Chromium's version; verbs left to NumPy by case. */
export async function measureInPage(groups, tell) {
  const server = await serveFolders(FOLDERS, ISOLATED);
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.error(error.message));
    await page.goto(server.url);
    await page.addScriptTag({ url: "/bench/page/main.mjs", type: "module" });
    const rows = [];
    const opened = new Set();
    for (const group of groups) {
      for (const name of workersOf(group).filter((name) => !opened.has(name))) {
        opened.add(name);
        await page.evaluate(([key, value]) => globalThis.bench.open(key, value), [name, WORKERS[name]]);
      }
      const found = await measureGroup(page, group);
      rows.push(...found);
      tell(found);
    }
    const uncovered = groups.length ? await page.evaluate(() => globalThis.bench.uncovered()) : {};
    const adapter = await page.evaluate(() => globalThis.bench.adapter());
    return { rows, uncovered, adapter, browser: `Chromium ${browser.version().split(".")[0]}` };
  } finally {
    await browser.close();
    server.close();
  }
}
