// `npm test [-- PART …]`: installs what is missing and runs every part, even after one has failed.

import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { pytestFolder } from "../tests/pyodide/run.mjs";
import { BuildError, HEARTBEAT_MS, nodeTool, PYTHON, ROOT, runMain, tee } from "./lib.mjs";
import { setup } from "./setup.mjs";

const node = (...args) => [process.execPath, ...args];
const tests = (...path) => join(ROOT, "tests", ...path);
const bridgeTests = () =>
  readdirSync(tests("pyodide"))
    .filter((name) => name.endsWith(".test.mjs"))
    .map((name) => tests("pyodide", name));

// More processes than this only wait for memory and for the software renderer, which has threads of its own.
const WORKERS = Math.min(availableParallelism(), 4);
// By file, since compiled kernels are kept by the process. Here and not in pyproject.toml: inside Pyodide there is no pytest-xdist.
const pytest = (...args) => ["pytest", PYTHON, "-m", "pytest", "-n", String(WORKERS), "--dist", "loadfile", ...args];

// In one process: each has a device of its own and compiles the same kernels.
const onGpu = ["pytest", PYTHON, "-m", "pytest", "-m", "gpu"];

const inPyodide = (...suites) => ["pytest", ...node(tests("pyodide", "run.mjs"), ...suites)];

// The needs and commands of each part: runner, then program and arguments. Commands in a list run at the same time.
const PARTS = {
  unit: {
    needs: { python: "all" },
    commands: () => [pytest("-m", "not gpu")],
  },
  runs: {
    needs: { python: "all" },
    commands: () => [pytest(tests("runs"))],
  },
  web: {
    needs: { python: "all", node: "all", assets: true },
    commands: () => [["vitest", ...node(nodeTool("vitest"), "run")]],
  },
  types: {
    needs: { python: "all", node: "all" },
    commands: () => [["types", ...node(join(ROOT, "build", "types.mjs"))]],
  },
  pyodide: {
    needs: { python: "all", node: "all", assets: true },
    commands: () => {
      pytestFolder(); // made here, since both processes want it
      return [
        [inPyodide("tests/ops"), inPyodide("tests/unit", "tests/golden", "tests/runs")],
        ...(bridgeTests().length ? [["node", ...node("--test", ...bridgeTests())]] : []),
      ];
    },
  },
  gpu: {
    needs: { python: "all" },
    commands: () => [onGpu],
  },
  browser: {
    needs: { python: "all", node: "all", assets: true, chromium: true },
    commands: () => [["playwright", ...node(nodeTool("@playwright/test", "playwright"), "test")]],
  },
};

// The browser is alone in the foreground, since its tests wait for a page as people do; these fill the core that it leaves.
const FOREGROUND = "browser";
const BACKGROUND = ["gpu", "pyodide"];
const LOWEST_PRIORITY = 19;

// The closing lines of each runner that hold its counts.
const CLOSING = {
  pytest: (lines) => lines.filter((line) => / in \d+(\.\d+)?s\b/.test(line)).slice(-1),
  vitest: (lines) => lines.filter((line) => /^\s*Tests\s/.test(line)).slice(-1),
  playwright: (lines) => lines.slice(-30).filter((line) => /^ {2}\d+ [a-z ]+( \(.*\))?$/.test(line)),
  node: (lines) => lines.slice(-12).filter((line) => /^[#ℹ] (pass|fail|cancelled|skipped) \d+$/.test(line)),
  types: (lines) => lines.filter((line) => line.startsWith("types: ")).slice(-1),
};
const WORDS = {
  passed: /(\d+) passed|pass (\d+)/g,
  failed: /(\d+) (?:failed|errors?|flaky|interrupted|did not run)|(?:fail|cancelled) (\d+)/g,
  skipped: /(\d+) skipped|skipped (\d+)/g,
};

/** Reads the counts from a runner's closing lines; a runner that failed without counting a failure counts as one. */
export function countTests(runner, text, code) {
  const lines = CLOSING[runner](stripVTControlCharacters(text).split(/\r?\n/));
  const count = (word) => {
    const found = [...lines.join("\n").matchAll(WORDS[word])];
    return found.reduce((sum, [, before, after]) => sum + Number(before ?? after), 0);
  };
  const counts = { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
  // A runner that ran no test proves nothing.
  if (counts.failed === 0 && (code !== 0 || counts.passed === 0)) counts.failed = 1;
  return counts;
}

/** No colours: pytest reads any FORCE_COLOR as yes; Playwright sets one itself and warns if NO_COLOR is set too. */
function environment(runner, port) {
  const { FORCE_COLOR: _, NO_COLOR: __, ...rest } = process.env;
  // One thread of BLAS: the tests' matrices are small, and on a busy machine more threads wait for each other.
  const threads = { OPENBLAS_NUM_THREADS: "1", OMP_NUM_THREADS: "1" };
  return {
    ...rest,
    ...threads,
    ...(runner === "playwright" ? { FORCE_COLOR: "0" } : { NO_COLOR: "1" }),
    LOOM_TEST_PORT: port,
  };
}

/** A free port, so that two checkouts can run their tests at once. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

const title = (name) => `\n── ${name} ${"─".repeat(60 - name.length)}\n`;

/** Runs one command and counts its tests; its output is shown as it comes, or afterwards if another is being shown. */
async function runCommand([runner, command, ...args], { show, priority }) {
  const env = environment(runner, await freePort());
  const { code, text } = await tee(command, args, { env, show, priority });
  return { text: show ? "" : text, counts: countTests(runner, text, code) };
}

async function runPart(name, { background = false } = {}) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const start = Date.now();
  const priority = background ? LOWEST_PRIORITY : 0;
  if (!background) process.stdout.write(title(name));
  let hidden = background ? title(name) : "";
  for (const command of PARTS[name].commands()) {
    const group = Array.isArray(command[0]) ? command : [command];
    const run = (one, position) => runCommand(one, { show: !background && position === 0, priority });
    for (const { text, counts } of await Promise.all(group.map(run))) {
      hidden += text;
      for (const key of Object.keys(total)) total[key] += counts[key];
    }
    if (!background) process.stdout.write(hidden);
    if (!background) hidden = "";
  }
  return { name, seconds: (Date.now() - start) / 1000, hidden, ...total };
}

/** Runs parts one after another; those of the background beside the browser, if it is chosen. */
async function runParts(names) {
  const beside = names.includes(FOREGROUND) ? names.filter((name) => BACKGROUND.includes(name)) : [];
  const results = [];
  for (const name of names.filter((name) => name !== FOREGROUND && !beside.includes(name))) {
    results.push(await runPart(name));
  }
  if (!names.includes(FOREGROUND)) return results;
  const inBackground = (async () => {
    const found = [];
    for (const name of beside) found.push(await runPart(name, { background: true }));
    return found;
  })();
  results.push(await runPart(FOREGROUND));
  const alive = setInterval(
    () => console.log(`still running: ${beside.join(" and ")}, beside the browser`),
    HEARTBEAT_MS,
  );
  for (const result of await inBackground) {
    process.stdout.write(result.hidden);
    results.push(result);
  }
  clearInterval(alive);
  return results;
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
    const results = await runParts(names);
    console.log("");
    for (const result of results) console.log(`${result.name}: ${line(result)}`);
    const sum = (key) => results.reduce((total, result) => total + result[key], 0);
    const total = { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
    console.log(`  (${results.map((result) => `${result.name} ${result.seconds.toFixed(0)} s`).join(", ")})`);
    console.log(line(total));
    return total.failed ? 1 : 0;
  });
}
