// `npm run bench [-- NAME …] [--only CASE,…] [--docs] [--json FILE]`: runs the benches tests/bench/*.{mjs,py}.
//
// `--only` chooses cases of the bench "peers", `--docs` makes it write docs/benchmarks.md; other options go to the one bench
// that is named (npm run bench -- gpu --tiny). Each bench prints a table and takes `--json FILE` for its result: a list of
// rows {case, system, median_ms, min_ms, runs, …}, or an object with figures whose names end in _ms. Here `--json` writes the
// results of all benches as one list of rows.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { BuildError, PYTHON, ROOT, run, runMain } from "./lib.mjs";
import { setup } from "./setup.mjs";

const FOLDER = join(ROOT, "tests", "bench");
const RUNNER = { ".py": PYTHON, ".mjs": process.execPath };
/** For Python to find the package in the source tree. */
const ENV = { env: { ...process.env, PYTHONPATH: ROOT } };
/** The bench with cases. */
const PEERS = "peers";

/** Removes an option and its value from the arguments; returns the value, "" for an option without one. */
function taken(args, name, hasValue) {
  const at = args.indexOf(name);
  if (at < 0) return undefined;
  const [, value = ""] = args.splice(at, hasValue ? 2 : 1);
  if (hasValue && !value) throw new BuildError(`expected a value after ${name}, got none`);
  return value;
}

function chosen(names) {
  const all = readdirSync(FOLDER).filter((file) => extname(file) in RUNNER && !file.startsWith("_"));
  const unknown = names.filter((name) => !all.some((file) => file.startsWith(`${name}.`)));
  const known = all.map((file) => file.slice(0, -extname(file).length));
  if (unknown.length) throw new BuildError(`expected benches among ${known.join(", ")}, got ${unknown.join(", ")}`);
  return names.length ? all.filter((file) => names.includes(file.slice(0, -extname(file).length))) : all;
}

/** A result as rows; in an object the case is the path of keys to a figure, the system its name without _ms. */
function rowsOf(result, path) {
  if (Array.isArray(result)) return result;
  if (typeof result !== "object" || result === null) return [];
  const runs = typeof result.runs === "number" ? { runs: result.runs } : {};
  return Object.entries(result).flatMap(([key, value]) =>
    typeof value === "number" && key.endsWith("_ms")
      ? [{ case: path.join("-"), system: key.slice(0, -"_ms".length), median_ms: value, ...runs }]
      : rowsOf(value, [...path, key]).map((row) => ({ ...runs, ...row })),
  );
}

await runMain(async (args) => {
  const target = taken(args, "--json", true);
  const only = taken(args, "--only", true);
  const docs = taken(args, "--docs", false);
  const passed = [...(only ? ["--only", only] : []), ...(docs === undefined ? [] : ["--docs"])];
  const further = args.findIndex((arg) => arg.startsWith("--"));
  const [names, own] = further < 0 ? [args, []] : [args.slice(0, further), args.slice(further)];
  if (own.length && names.length !== 1)
    throw new BuildError(`expected one bench for ${own.join(" ")}, got ${names.join(", ") || "none"}; do: name one`);
  const benches = chosen(passed.length && !names.length ? [PEERS] : names);
  await setup();
  const scratch = mkdtempSync(join(tmpdir(), "bench-"));
  const rows = [];
  const failed = [];
  for (const file of benches) {
    console.log(`\n── ${file} ${"─".repeat(60 - file.length)}`);
    const name = file.slice(0, -extname(file).length);
    const json = join(scratch, `${file}.json`);
    const options = [...own, ...(name === PEERS ? passed : [])];
    const code = await run(RUNNER[extname(file)], [join(FOLDER, file), "--json", json, ...options], ENV);
    if (code === 0) rows.push(...rowsOf(JSON.parse(readFileSync(json, "utf8")), [name]));
    else failed.push(file);
  }
  rmSync(scratch, { recursive: true });
  if (target) writeFileSync(target, `${JSON.stringify(rows, null, 1)}\n`);
  if (failed.length) console.log(`\nfailed: ${failed.join(", ")}`);
  return failed.length ? 1 : 0;
});
