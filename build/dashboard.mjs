// Builds web/visualiser/notebook into the Python package: the script of notebooks and of recordings as one file.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError, isMain, ROOT, runMain } from "./lib.mjs";

const OUT = join(ROOT, "loom_py", "observers", "formats", "dashboard.js");

/** Builds the script; returns whether its text has changed. */
export async function buildDashboard() {
  const vite = await import("vite");
  const built = await vite.build({
    configFile: false,
    root: ROOT,
    logLevel: "warn",
    build: {
      write: false,
      target: "es2022",
      minify: true,
      lib: { entry: join(ROOT, "web", "visualiser", "notebook", "index.ts"), formats: ["es"], fileName: "dashboard" },
    },
  });
  const files = [built].flat().flatMap((one) => one.output);
  if (files.length !== 1) {
    throw new BuildError(
      `expected one file of web/visualiser/notebook, got ${files.map((file) => file.fileName).join(", ")}`,
    );
  }
  const text = files[0].code;
  if (/<\/script/i.test(text)) throw new BuildError('expected a script that fits into HTML, got "</script" in it');
  if (existsSync(OUT) && readFileSync(OUT, "utf8") === text) return false;
  writeFileSync(OUT, text);
  return true;
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    const changed = await buildDashboard();
    console.log(`loom_py/observers/formats/dashboard.js: ${changed ? "built" : "up to date"}`);
  });
}
