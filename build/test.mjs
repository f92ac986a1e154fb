// `npm test [-- PART …]`: sets up what is missing and runs every part, whatever happens to the others.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { BuildError, nodeTool, PYTHON, ROOT, runMain, tee } from "./lib.mjs";
import { setup } from "./setup.mjs";
import { refreshTypes } from "./start.mjs";

const node = (...args) => [process.execPath, ...args];
const tests = (...path) => join(ROOT, "tests", ...path);
const bridgeTests = () => readdirSync(tests("pyodide")).filter((name) => name.endsWith(".test.mjs"));

// What each part needs set up, and the commands that are its runners.
const PARTS = {
  unit: {
    needs: { python: true },
    commands: () => [
      [
        PYTHON,
        "-m",
        "pytest",
        ...["unit", "ops", "golden"].map((name) => tests(name)).filter((path) => existsSync(path)),
      ],
    ],
  },
  web: { needs: { python: true, node: true, assets: true }, commands: () => [node(nodeTool("vitest"), "run")] },
  types: { needs: { python: true, node: true }, commands: () => [node(join(ROOT, "build", "types.mjs"))] },
  pyodide: {
    needs: { python: true, node: true, assets: true },
    commands: () => [
      node(tests("pyodide", "run.mjs")),
      ...(bridgeTests().length ? [node("--test", ...bridgeTests().map((name) => tests("pyodide", name)))] : []),
    ],
  },
  browser: {
    needs: { python: true, node: true, assets: true, chromium: true },
    commands: () => [node(nodeTool("@playwright/test", "playwright"), "test")],
  },
};

// The runners' own closing words: pytest, vitest, node --test, Playwright, and "types: N passed, N failed".
const COUNTS = {
  passed: [/(\d+) passed/g, /^# pass (\d+)$/gm, /^ℹ pass (\d+)$/gm],
  failed: [/(\d+) (?:failed|errors?\b)/g, /^# fail (\d+)$/gm, /^ℹ fail (\d+)$/gm, /(\d+) (?:flaky|interrupted)/g],
  skipped: [/(\d+) skipped/g, /^# skipped (\d+)$/gm, /^ℹ skipped (\d+)$/gm],
};

/** Reads the counts from a runner's closing lines; a runner that failed without counting a failure counts as one. */
export function countTests(text, code) {
  const closing = stripVTControlCharacters(text).trim().split("\n").slice(-14);
  // vitest counts files before it counts tests.
  const tail = closing.filter((line) => !/^\s*Test Files/.test(line)).join("\n");
  const last = (patterns) => {
    const found = patterns.flatMap((pattern) => [...tail.matchAll(pattern)].map((match) => Number(match[1])));
    return patterns === COUNTS.failed ? found.reduce((sum, n) => sum + n, 0) : (found.at(-1) ?? 0);
  };
  const counts = { passed: last(COUNTS.passed), failed: last(COUNTS.failed), skipped: last(COUNTS.skipped) };
  // A runner that ran nothing proves nothing.
  if (counts.failed === 0 && (code !== 0 || counts.passed === 0)) counts.failed = 1;
  return counts;
}

async function runPart(name) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const start = Date.now();
  console.log(`\n── ${name} ${"─".repeat(60 - name.length)}`);
  for (const [command, ...args] of PARTS[name].commands()) {
    const { code, text } = await tee(command, args, { env: { ...process.env, FORCE_COLOR: "0" } });
    const counts = countTests(text, code);
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
  return { name, seconds: (Date.now() - start) / 1000, ...total };
}

const line = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;

function chosenParts(args) {
  const unknown = args.filter((name) => !(name in PARTS));
  if (unknown.length) {
    throw new BuildError(`expected parts among ${Object.keys(PARTS).join(", ")}; got ${unknown.join(", ")}`);
  }
  return args.length ? args : Object.keys(PARTS);
}

if (process.argv[1] === join(ROOT, "build", "test.mjs")) {
  await runMain(async (args) => {
    const names = chosenParts(args);
    await setup(Object.assign({}, ...names.map((name) => PARTS[name].needs)));
    refreshTypes();
    const results = [];
    for (const name of names) results.push(await runPart(name));
    console.log("");
    for (const result of results) console.log(`${result.name}: ${line(result)}`);
    const sum = (key) => results.reduce((total, result) => total + result[key], 0);
    const total = { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
    console.log(`  (${results.map((result) => `${result.name} ${result.seconds.toFixed(0)} s`).join(", ")})`);
    console.log(line(total));
    return total.failed ? 1 : 0;
  });
}
