// `npm run bench [-- NAME …] [--json FILE]`: runs tests/bench/*.py and *.mjs, each a table; all results into one file.
//
// A bench takes `--json FILE` and writes its result there as one JSON object.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { extname, join } from "node:path";
import { BuildError, PYTHON, ROOT, run, runMain } from "./lib.mjs";
import { setup } from "./setup.mjs";

const FOLDER = join(ROOT, "tests", "bench");
const RUNNER = { ".py": PYTHON, ".mjs": process.execPath };

function chosen(names) {
  const all = readdirSync(FOLDER).filter((file) => extname(file) in RUNNER && !file.startsWith("_"));
  const unknown = names.filter((name) => !all.some((file) => file.startsWith(`${name}.`)));
  if (unknown.length) throw new BuildError(`expected benches among ${all.join(", ")}; got ${unknown.join(", ")}`);
  return names.length ? all.filter((file) => names.includes(file.slice(0, -extname(file).length))) : all;
}

await runMain(async (args) => {
  const at = args.indexOf("--json");
  const [, target] = at < 0 ? [] : args.splice(at, 2);
  if (at >= 0 && !target) throw new BuildError("expected a file name after --json");
  const benches = chosen(args);
  await setup();
  const scratch = mkdtempSync(join(tmpdir(), "bench-"));
  const results = { cores: availableParallelism(), node: process.versions.node, benches: {} };
  const failed = [];
  for (const file of benches) {
    console.log(`\n── ${file} ${"─".repeat(60 - file.length)}`);
    const json = join(scratch, `${file}.json`);
    const code = await run(RUNNER[extname(file)], [join(FOLDER, file), "--json", json]);
    if (code === 0) results.benches[file] = JSON.parse(readFileSync(json, "utf8"));
    else failed.push(file);
  }
  rmSync(scratch, { recursive: true });
  if (target) writeFileSync(target, `${JSON.stringify(results, null, 2)}\n`);
  if (failed.length) console.log(`\nfailed: ${failed.join(", ")}`);
  return failed.length ? 1 : 0;
});
