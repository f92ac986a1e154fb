// Runs Python text with our wheel in Pyodide, under Node and in a worker of Chromium, for the benches.

import { spawnSync } from "node:child_process";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "@playwright/test";
import { CHROMIUM_FLAGS, chromiumPath } from "../../build/chromium.mjs";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
const LARGE = 64 * 1024 * 1024;

/** Calls the async function `source` (its text) with `args` in a fresh Node; returns its result. */
export function inNode(source, ...args) {
  const code = `const result = await (${source})(...${JSON.stringify(args)});console.log("RESULT" + JSON.stringify(result));`;
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8", maxBuffer: LARGE });
  const found = done.stdout.match(/RESULT(.*)/);
  if (!found) throw new Error(`Node failed:\n${done.stderr.slice(-2000)}`);
  return JSON.parse(found[1]);
}

/** Headers of a cross-origin isolated page, which has SharedArrayBuffer and threads. */
export const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * Serves folders by name on a free port of 127.0.0.1, and for any other address an empty page.
 *
 * Caching is that of most hosts: browsers keep files and revalidate them.
 */
export async function serveFolders(folders, headers = {}) {
  const server = createServer((request, response) => {
    const [, root, ...path] = new URL(request.url, "http://localhost").pathname.split("/");
    const file = folders[root] && join(folders[root], path.join("/") || "index.html");
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (!file || !existsSync(file)) return response.setHeader("Content-Type", "text/html").end("<!doctype html>");
    const { size, mtimeMs } = statSync(file);
    const tag = `"${size}-${mtimeMs}"`;
    response.setHeader("Cache-Control", "no-cache").setHeader("ETag", tag);
    if (request.headers["if-none-match"] === tag) return response.writeHead(304).end();
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    response.setHeader("Content-Length", size);
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** Calls the async function `source` with `args` in a module worker of a fresh Chromium on the page `url`. */
export async function inChromium(url, source, ...args) {
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    // An async function's error does not reach the page by itself.
    const work = `onmessage = async ({ data }) => {
      try {
        postMessage({ value: await (${source})(...data) });
      } catch (error) {
        postMessage({ error: String(error.message ?? error) });
      }
    };`;
    const ask = ([text, values]) =>
      new Promise((resolve, reject) => {
        const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
        const worker = new Worker(address, { type: "module" });
        worker.onmessage = ({ data }) =>
          data.error === undefined ? resolve(data.value) : reject(new Error(data.error));
        worker.onerror = (event) => reject(new Error(event.message ?? "the worker could not start"));
        worker.postMessage(values);
      });
    return await page.evaluate(ask, [work, args]);
  } finally {
    await browser.close();
  }
}
