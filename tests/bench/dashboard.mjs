// Cost of a frame of the dashboard in Chromium, without painting: `npm run bench -- dashboard`.
//
// `node tests/bench/dashboard.mjs --against FOLDER` also measures another version of web/visualiser, in turn with this one.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import { createServer } from "vite";
import { CHROMIUM_FLAGS, chromiumPath } from "../../build/chromium.mjs";
import { ROOT, runMain } from "../../build/lib.mjs";

const LAYERS = [5, 12, 16];
const ROUNDS = 3;

async function serve(visualiser) {
  const server = await createServer({
    configFile: false,
    root: join(ROOT, "tests/web/visualiser"),
    cacheDir: join(ROOT, ".cache/vite-frames"),
    logLevel: "error",
    // The entry alone: the generator of messages takes its columns from this checkout.
    resolve: { alias: [{ find: /^(\.\.\/){3}web\/visualiser$/, replacement: join(visualiser, "index.ts") }] },
    server: { host: "127.0.0.1", port: 0, fs: { strict: false }, hmr: false, watch: null },
  });
  await server.listen();
  return server;
}

async function measure(browser, server, layers) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1400 } });
  await page.goto(`${server.resolvedUrls.local[0]}frames.html`);
  await page.waitForFunction(() => "measureFrames" in window);
  const times = await page.evaluate((count) => window.measureFrames(count), layers);
  await page.close();
  return times;
}

const at = (times, share) => times.toSorted((a, b) => a - b)[Math.floor(share * (times.length - 1))];
const option = (args, name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);

await runMain(async (args) => {
  const folders = { now: join(ROOT, "web/visualiser") };
  const against = option(args, "--against");
  if (against) folders.before = against;
  const servers = {};
  for (const [name, folder] of Object.entries(folders)) servers[name] = await serve(folder);
  const executablePath = chromiumPath();
  const browser = await chromium.launch({ args: [...CHROMIUM_FLAGS], ...(executablePath ? { executablePath } : {}) });
  const rows = [];
  for (const layers of LAYERS) {
    const times = Object.fromEntries(Object.keys(servers).map((name) => [name, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of Object.keys(servers)) times[name].push(...(await measure(browser, servers[name], layers)));
    }
    for (const [system, all] of Object.entries(times)) {
      const median_ms = at(all, 0.5);
      rows.push({ case: `frame, ${layers} layers`, system, median_ms, min_ms: at(all, 0), runs: all.length });
      console.log(
        `${layers} layers, ${system}: median ${median_ms.toFixed(2)} ms, tenth ${at(all, 0.1).toFixed(2)} ms, least ${at(all, 0).toFixed(2)} ms`,
      );
    }
  }
  await browser.close();
  for (const server of Object.values(servers)) await server.close();
  const json = option(args, "--json");
  if (json) writeFileSync(json, JSON.stringify(rows));
  return 0;
});
