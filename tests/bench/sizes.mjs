// Download size of a visit: the files of Pyodide's folder and of the built page, raw and with gzip.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { ROOT } from "../../build/lib.mjs";

await build({ configFile: join(ROOT, "vite.config.ts"), logLevel: "error" });
const dist = join(ROOT, "dist");
const sizes = {};
for (const entry of readdirSync(dist, { recursive: true })) {
  const path = join(dist, entry);
  if (!statSync(path).isFile() || path.endsWith(".map")) continue;
  const bytes = readFileSync(path);
  sizes[relative(dist, path)] = { bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
}
const kib = (bytes) => (bytes / 1024).toFixed(1).padStart(10);
console.log("KiB".padEnd(60), "     size       gzip");
for (const [name, { bytes, gzip }] of Object.entries(sizes).sort(([, a], [, b]) => b.bytes - a.bytes)) {
  console.log(`  ${name.padEnd(58)}${kib(bytes)} ${kib(gzip)}`);
}
if (process.argv.includes("--json")) {
  writeFileSync(process.argv[process.argv.indexOf("--json") + 1], JSON.stringify(sizes));
}
