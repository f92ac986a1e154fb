// `npm start`: installs what the page needs, builds it and serves it. `npm run dev`: the same from Vite's development server.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { BuildError, PYTHON, probe, ROOT, runMain } from "./lib.mjs";
import { setup } from "./setup.mjs";

const VITE_CONFIG = join(ROOT, "vite.config.ts");

/** Regenerates web/generated when the Python package has changed. */
export function refreshTypes() {
  const typegen = (...more) => probe(PYTHON, ["-m", "loom_py", "typegen", ...more]);
  if (!existsSync(join(ROOT, "loom_py", "__main__.py")) || typegen("--check").ok) return;
  const done = typegen();
  if (!done.ok) throw new BuildError(`could not generate the types of web/generated:\n${done.stdout}${done.stderr}`);
  console.log("Types of web/generated: regenerated, since the Python package has changed");
}

/** Builds the demo into dist/; returns Vite. */
export async function buildPage(logLevel = "warn") {
  const vite = await import("vite");
  await vite.build({ configFile: VITE_CONFIG, logLevel });
  return vite;
}

/** Builds the demo into dist/ and serves it; returns the address and a function that stops the server. */
export async function buildAndServe({ port, logLevel = "warn" } = {}) {
  const vite = await buildPage(logLevel);
  const server = await vite.preview({ configFile: VITE_CONFIG, logLevel, ...(port ? { preview: { port } } : {}) });
  return { url: server.resolvedUrls.local[0], close: () => server.close() };
}

async function develop() {
  const vite = await import("vite");
  const server = await vite.createServer({ configFile: VITE_CONFIG });
  await server.listen();
  server.printUrls();
}

if (process.argv[1] === join(ROOT, "build", "start.mjs")) {
  await runMain(async (args) => {
    await setup({ python: "demo", node: "demo" });
    // Before the wheel is built, which contains a description of the same classes.
    refreshTypes();
    await setup({ assets: true });
    if (args.includes("--dev")) return develop();
    console.log("Building the page …");
    const { url } = await buildAndServe();
    console.log(`The demo is at ${url} (Ctrl-C stops the server)`);
  });
}
