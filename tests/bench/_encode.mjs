// JavaScript's cost of a dispatch, in Chromium and on Dawn in Node, as rows of results.

import { join } from "node:path";
import { probe, ROOT } from "../../build/lib.mjs";
import { vulkanEnvironment } from "../../build/vulkan.mjs";
import { BUILT } from "./_page.mjs";
import { ISOLATED, inChromium, serveFolders } from "./_pyodide.mjs";

// Crosses as text into the worker.
const IN_WORKER = `async (url) => {
  const { measureEncode } = await import(url + "bench/page/encode.mjs");
  const { openGPU } = await import(url + "built/gpu.js");
  const host = await openGPU();
  if ("reason" in host) throw new Error(host.reason);
  return measureEncode(host);
}`;

async function inPage() {
  const server = await serveFolders({ bench: join(ROOT, "tests", "bench"), built: BUILT }, ISOLATED);
  try {
    return await inChromium(server.url, IN_WORKER, server.url);
  } finally {
    server.close();
  }
}

function inNode() {
  const env = { ...process.env, ...vulkanEnvironment() };
  const file = join(ROOT, "tests", "bench", "_dawn.mjs");
  const { stdout, stderr } = probe(process.execPath, [file, join(BUILT, "gpu.js")], { env });
  const found = stdout.match(/RESULT(.*)/);
  if (!found) throw new Error(`Dawn in Node failed:\n${stderr}`);
  return JSON.parse(found[1]);
}

/** Rows with microseconds per dispatch: in all, and without the browser's `finish` and `submit`. */
function rowsOf(system, { dispatches, same, changing, single }) {
  const row = (name, count, { whole, finish, submit }) => ({
    case: `encode-${name}`,
    system,
    dispatches: count,
    median_ms: whole,
    finish_ms: finish,
    submit_ms: submit,
    us_per_dispatch: ((whole - finish - submit) * 1e3) / count,
  });
  return [row("same", dispatches, same), row("changing", dispatches, changing), row("single", 1, single)];
}

/** Results by place; one that fails is reported and left out. */
export async function measureEncoding() {
  const rows = [];
  for (const [system, measure] of [
    ["chromium", inPage],
    ["node-dawn", inNode],
  ]) {
    try {
      rows.push(...rowsOf(system, await measure()));
    } catch (error) {
      rows.push({ case: "encode-same", system, failure: error.message, absent: true });
    }
  }
  return rows;
}
