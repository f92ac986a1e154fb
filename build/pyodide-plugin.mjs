// Vite plugin: the folder .cache/pyodide as pyodide/ of the page, served in development, copied into a build.

import { cpSync, createReadStream, existsSync, statSync } from "node:fs";
import { extname, join, normalize, resolve, sep } from "node:path";
import { PYODIDE_DIR } from "./lib.mjs";

const TYPES = {
  ".mjs": "text/javascript",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".zip": "application/zip",
  ".whl": "application/zip",
};

/** Answers GET /pyodide/NAME from `folder`; passes other requests to the next handler. */
export function serve(folder) {
  return (request, response, next) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    if (!path.startsWith("/pyodide/")) return next();
    const file = normalize(join(folder, path.slice("/pyodide/".length)));
    const found = file.startsWith(folder + sep) ? statSync(file, { throwIfNoEntry: false }) : undefined;
    if (!found?.isFile()) {
      // Without this Vite would answer with the page itself, and the loader would choke on HTML.
      response.statusCode = 404;
      return response.end("not in the pyodide folder; do: npm run setup");
    }
    const tag = `"${found.size}-${found.mtimeMs}"`;
    // The lock checks hashes and would refuse a stale wheel from the browser's cache, so the browser always revalidates.
    response.setHeader("Cache-Control", "no-cache");
    response.setHeader("ETag", tag);
    if (request.headers["if-none-match"] === tag) {
      response.statusCode = 304;
      return response.end();
    }
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    response.setHeader("Content-Length", found.size);
    if (request.method === "HEAD") return response.end();
    createReadStream(file).pipe(response);
  };
}

/** @returns {import("vite").Plugin} */
export function pyodideFolder() {
  let outDir = "";
  let building = false;
  return {
    name: "loom:pyodide-folder",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
      building = config.command === "build";
    },
    configureServer(server) {
      server.middlewares.use(serve(PYODIDE_DIR));
    },
    configurePreviewServer(server) {
      server.middlewares.use(serve(join(outDir, "pyodide")));
    },
    closeBundle() {
      if (!building) return; // a development server also closes bundles, without a build
      if (!existsSync(PYODIDE_DIR)) throw new Error("expected .cache/pyodide, got nothing; do: npm run setup");
      const wanted = (path) => !path.endsWith("base-lock.json") && !path.endsWith("package.json");
      cpSync(PYODIDE_DIR, join(outDir, "pyodide"), { recursive: true, filter: wanted });
    },
  };
}
