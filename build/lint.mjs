// `npm run lint`: runs every checker, even after one has failed; the last line names those that found something.

import { join } from "node:path";
import { inVenv, nodeTool, PYTHON, probe, ROOT, runMain } from "./lib.mjs";
import { setup } from "./setup.mjs";

const node = (...args) => [process.execPath, ...args];
const LARGE = 64 * 1024 * 1024;

const checks = () => [
  ["ruff check", [inVenv("ruff"), "check", "."]],
  ["ruff format", [inVenv("ruff"), "format", "--check", "."]],
  ["mypy --strict", [PYTHON, "-m", "mypy"]],
  ["ranks of loom_py", [inVenv("lint-imports"), "--no-logo"]],
  ["ranks of web", node(join(ROOT, "build", "ranks.mjs"))],
  ["biome", node(nodeTool("@biomejs/biome", "biome"), "check", "--error-on-warnings", "--colors=off")],
  ["tsc", node(nodeTool("typescript", "tsc"), "-p", join(ROOT, "tsconfig.json"))],
  ["tsc, workers", node(nodeTool("typescript", "tsc"), "-p", join(ROOT, "tsconfig.worker.json"))],
];

await runMain(async () => {
  await setup({ python: "all", node: "all" });
  const found = [];
  for (const [name, [command, ...args]] of checks()) {
    const { ok, stdout, stderr } = probe(command, args, { maxBuffer: LARGE });
    console.log(`${ok ? "ok  " : "FAIL"} ${name}`);
    if (ok) continue;
    found.push(name);
    console.log(`${stdout}${stderr}`);
  }
  console.log(found.length ? `lint: problems found by ${found.join(", ")}` : "lint: no problems found");
  return found.length ? 1 : 0;
});
